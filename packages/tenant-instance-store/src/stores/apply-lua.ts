/**
 * One instance is one hash:
 *
 * ```
 *   json       the whole document as JSON, so that a read is one HMGET and one JSON.parse; absent when
 *              there is no such instance (any more)
 *   seen       when the TTL was last renewed, in ms of Redis' clock
 *   stamp      the newest stamp of all
 *   alive      the newest stamp of a replace, upsert or create
 *   removed    the newest stamp of a remove: the instance is there while alive > removed
 *   base       the newest stamp of a replace or remove: older fields are gone
 *   f:"name"   for each field "<stamp> <JSON text>", the name as JSON too; without a text the field was
 *              removed, and the stamp keeps older writes from bringing it back
 *   w:"name"   the same of a create, which counts where there is no f:"name"; kept beside it, because an
 *              older replace may still come and take that away
 * ```
 *
 * Values are never decoded here: cjson turns [] into {} and rounds large numbers. The document is put
 * together from the fields' texts, which may be of any kind that is JSON, so an encrypted value is
 * just a text as well.
 *
 * A stamp of now is `max(newest + 1, Redis TIME in µs)`, in 16 digits, so that stamps compare as
 * texts. A write that waited for Redis brings its own; it wins or loses field by field, and a
 * removal wins over what is older. Whatever order writes come in, the same comes out.
 *
 * Atomic, because readers must not see old fields beside new ones, two writers of different fields
 * must lose nothing, and an update that meets a removal must not bring the instance back.
 */
export const applyLua = `
local key = KEYS[1]
local ttl, id, maxBytes, notAfter, channel = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
if notAfter ~= '' and now > tonumber(notAfter) then return { 'late' } end

-- A removed instance or field is remembered this long, against older writes that come late.
local graveSeconds = 604800

local stored = redis.call('HGETALL', key)
-- By the name of the hash's field, f:"name" or w:"name".
local stamps, texts, before = {}, {}, {}
local newest, alive, removed, base = '', '', '', ''
local existed = false
for i = 1, #stored, 2 do
  local name, value = stored[i], stored[i + 1]
  local field = name
  local kind = string.sub(name, 1, 2)
  if kind == 'f:' or kind == 'w:' then
    local space = string.find(value, ' ', 1, true)
    stamps[field] = string.sub(value, 1, space - 1)
    texts[field] = string.sub(value, space + 1)
    before[field] = value
  elseif name == 'json' then existed = true
  elseif name == 'stamp' then newest = value
  elseif name == 'alive' then alive = value
  elseif name == 'removed' then removed = value
  elseif name == 'base' then base = value
  end
end
if #stored > 0 and newest == '' then return { 'foreign' } end

local function later(a, b) if a > b then return a end return b end
local function microseconds(stamp) return tonumber(string.match(stamp, '^%d+')) or 0 end

local at = 8
local isNew = false
while at <= #ARGV do
  local kind, stamp, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  at = at + 3
  local online = stamp == ''
  if online then
    -- Asked now and answered now: what is not there cannot be changed.
    if (kind == 'patch' or kind == 'remove') and not (alive > removed) then
      return { 'applied', '0', '', newest }
    end
    stamp = string.format('%016.0f', math.max(microseconds(newest) + 1, now))
    isNew = true
  end
  newest = later(newest, stamp)
  if kind == 'remove' then removed = later(removed, stamp)
  elseif kind ~= 'patch' then alive = later(alive, stamp) end
  if kind == 'remove' or kind == 'replace' then
    base = later(base, stamp)
    for field, its in pairs(stamps) do
      if its < base then stamps[field] = nil; texts[field] = nil end
    end
  end
  for n = 1, count do
    local field, text = (kind == 'create' and 'w:' or 'f:') .. ARGV[at], ARGV[at + 1]
    at = at + 2
    local wins = not stamps[field] or stamp > stamps[field]
    if wins and stamp >= base then
      stamps[field] = stamp
      texts[field] = text
    end
  end
end

local names, values = {}, {}
for field, text in pairs(texts) do
  local name = string.sub(field, 3)
  local counts = string.sub(field, 1, 2) == 'f:' or not texts['f:' .. name]
  if counts and text ~= '' then
    names[#names + 1] = name
    values[name] = text
  elseif text == '' and microseconds(stamps[field]) < now - graveSeconds * 1000000 then
    stamps[field] = nil
    stamps['w:' .. name] = nil
  end
end
local exists = alive > removed
local json = ''
if exists then
  table.sort(names)
  local parts = { '{"id":', id }
  for _, field in ipairs(names) do
    parts[#parts + 1] = ','
    parts[#parts + 1] = field
    parts[#parts + 1] = ':'
    parts[#parts + 1] = values[field]
  end
  parts[#parts + 1] = '}'
  json = table.concat(parts)
  -- What was accepted while Redis was away was measured then.
  if isNew and #json > maxBytes then return { 'too-large', #json } end
end

-- The first write is one that a full server refuses, before anything has been taken away; but a removal
-- goes through there, because it begins by taking away.
if existed and not exists then redis.call('HDEL', key, 'json', 'seen') end
redis.call('HSET', key, 'stamp', newest, 'alive', alive, 'removed', removed, 'base', base)
for field, value in pairs(before) do
  if not stamps[field] then redis.call('HDEL', key, field) end
end
for field, its in pairs(stamps) do
  local value = its .. ' ' .. texts[field]
  if before[field] ~= value then redis.call('HSET', key, field, value) end
end
if exists then
  redis.call('HSET', key, 'json', json, 'seen', string.format('%.0f', math.floor(now / 1000)))
  redis.call('EXPIRE', key, ttl)
else
  redis.call('EXPIRE', key, math.min(tonumber(ttl), graveSeconds))
end
if channel ~= '' then redis.call('PUBLISH', channel, exists and ARGV[6] or ARGV[7]) end
return { 'applied', existed and '1' or '0', json, newest }
`
