import { defineScript, type Script } from '@stayfast/redis-kit'

/**
 * All keys of a user lie in one slot of a Cluster, so that each script is atomic there too:
 *
 * ```
 *   sess:{tag}:<digest>   hash, one per session
 *       c         when it was created, ms of Redis' clock
 *       s         when its use was last noted, ms
 *       g         the stamp it was granted with, µs
 *       m         whose it is, a text that is not looked into
 *       f:"name"  each field: "<stamp> <JSON text>", the name as JSON too; an empty text is a removed
 *                 field, whose stamp keeps an older write from bringing it back
 *   sess:{tag}:w          the watermark: what was granted up to this stamp is revoked
 *   sess:{tag}:i          sorted set of the digests of a user's sessions, by the time of their creation
 * ```
 *
 * A stamp is 16 digits of µs of Redis' clock, and of a write that waited for Redis also which process
 * accepted it: stamps compare as texts. Keys of sessions are put together from that of the index,
 * because which there are is known in here only.
 */
const prologue = `
local time = redis.call('TIME')
local nowUs = tonumber(time[1]) * 1000000 + tonumber(time[2])
local nowMs = math.floor(nowUs / 1000)
local function whole(number) return string.format('%.0f', number) end
local function stampOf(us) return string.format('%016.0f', us) end
local function usOf(stamp) return tonumber(string.sub(stamp, 1, 16)) or 0 end
`

/**
 * Tells the other processes which sessions ended, in the same step, so that it is never done and not told.
 * `tell(ended, tag, channel, message, placeholder)`; an empty channel for nobody.
 */
const tellLua = `
local function tell(ended, tag, channel, message, placeholder)
  if channel == '' or #ended == 0 then return end
  local handles = {}
  for n, digest in ipairs(ended) do handles[n] = tag .. '.' .. digest end
  redis.call('PUBLISH', channel, (string.gsub(message, placeholder, table.concat(handles, ','))))
end
`

function texts(reply: unknown): string[] {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  return reply.map(String)
}

/**
 * KEYS   of each session: itself, the watermark of its user
 * ARGV   idle ms · absolute ms · how often use is noted, ms
 * reply  of each session, in one text: names and values of the hash and then the time in ms, a line
 *        each; '' it is gone · '!' the key holds something else
 *
 * One step, because a session that is revoked behind the look at the watermark must not be answered.
 * On a server that is full or read-only nothing can be noted, but reading goes on.
 */
export const loadScript: Script<readonly string[]> = defineScript(
  `${prologue}
local idle, absolute, every = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local replies = {}
for i = 1, #KEYS, 2 do
  local key = KEYS[i]
  local head = redis.pcall('HMGET', key, 'c', 's', 'g')
  local reply = ''
  if head.err then
    reply = '!'
  elseif head[1] or head[3] then
    local created, seen, granted = tonumber(head[1] or ''), tonumber(head[2] or ''), head[3]
    local watermark = redis.call('GET', KEYS[i + 1])
    if not created or not seen or not granted then
      reply = '!'
    elseif nowMs >= created + absolute or nowMs >= seen + idle or (watermark and granted <= watermark) then
      redis.pcall('DEL', key)
    else
      if nowMs - seen >= every then
        redis.pcall('PEXPIRE', key, whole(math.min(idle, created + absolute - nowMs)))
        redis.pcall('HSET', key, 's', whole(nowMs))
      end
      local all = redis.call('HGETALL', key)
      all[#all + 1] = whole(nowMs)
      reply = table.concat(all, '\\n')
    end
  end
  replies[#replies + 1] = reply
end
return replies
`,
  texts,
)

/** What {@link createScript} answers. */
export type CreateReply =
  | { readonly kind: 'created'; readonly nowMs: number; readonly evicted: readonly string[] }
  | { readonly kind: 'exists' | 'revoked' | 'late' }

function createReply(reply: unknown): CreateReply {
  const [kind, nowMs, ...evicted] = texts(reply)
  switch (kind) {
    case 'created':
      return { kind, nowMs: Number(nowMs), evicted }
    case 'exists':
    case 'revoked':
    case 'late':
      return { kind }
    default:
      throw new TypeError('The script answered something else.')
  }
}

/**
 * KEYS   session · watermark · index
 * ARGV   µs after which nothing is done any more, or '' · µs since which it was wanted, or '' · its stamp, or
 *        '' for now · idle ms · absolute ms · how many sessions the user may have, or 0 when it is not
 *        listed · its digest · the digest of the one it replaces, or '' · of what ends: tag, channel,
 *        message, placeholder · whose it is · then names and texts
 * reply  'created', ms, the digests that had to go · 'exists' · 'revoked' · 'late'
 *
 * Creates only what is not there: a creation that comes twice, or late, wipes nothing. One step, because
 * a revocation must meet either no session or the whole of it.
 */
export const createScript: Script<CreateReply> = defineScript(
  `${prologue}${tellLua}
local notAfter, since, stamp = ARGV[1], ARGV[2], ARGV[3]
local idle, absolute, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local digest, replaced = ARGV[7], ARGV[8]
if notAfter ~= '' and nowUs > tonumber(notAfter) then return { 'late' } end
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'exists' } end
local watermark = redis.call('GET', KEYS[2])
if watermark and since ~= '' and tonumber(since) <= usOf(watermark) then return { 'revoked' } end
local created = nowMs
if stamp ~= '' then
  if watermark and stamp <= watermark then return { 'revoked' } end
  created = math.min(nowMs, math.floor(usOf(stamp) / 1000))
else
  stamp = stampOf(math.max(nowUs, usOf(watermark or '') + 1))
end

local base = string.sub(KEYS[3], 1, -2)
local reply = { 'created', whole(nowMs) }
local ended = {}
if replaced ~= '' then
  ended[1] = replaced
  redis.call('DEL', base .. replaced)
  redis.call('ZREM', KEYS[3], replaced)
end
if most > 0 then
  local alive = {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if redis.call('EXISTS', base .. member) == 1 then alive[#alive + 1] = member
    else redis.call('ZREM', KEYS[3], member) end
  end
  for n = 1, #alive - most + 1 do
    redis.call('DEL', base .. alive[n])
    redis.call('ZREM', KEYS[3], alive[n])
    reply[#reply + 1] = alive[n]
    ended[#ended + 1] = alive[n]
  end
end

redis.call('HSET', KEYS[1], 'c', whole(created), 's', whole(created), 'g', stamp, 'm', ARGV[13])
for at = 14, #ARGV, 2 do
  redis.call('HSET', KEYS[1], 'f:' .. ARGV[at], stamp .. ' ' .. ARGV[at + 1])
end
redis.call('PEXPIRE', KEYS[1], whole(math.max(1, math.min(idle, created + absolute - nowMs))))
if most > 0 then
  redis.call('ZADD', KEYS[3], whole(usOf(stamp)), digest)
  redis.call('PEXPIRE', KEYS[3], whole(absolute))
end
tell(ended, ARGV[9], ARGV[10], ARGV[11], ARGV[12])
return reply
`,
  createReply,
)

/** A session with more entries forgets the stamps of those of its removed fields that were removed first. */
const mostRemovedFields = 128

/** What {@link saveScript} answers; `late`: it ran after its caller had given it up, and did nothing. */
export type SaveReply = 'saved' | 'gone' | 'late'

function saveReply(reply: unknown): SaveReply {
  if (reply === 'saved' || reply === 'gone' || reply === 'late') return reply
  throw new TypeError('The script answered something else.')
}

/**
 * KEYS   session · watermark
 * ARGV   µs after which nothing is done any more, or '' · the stamp, or '' for now · then names and texts,
 *        an empty text removing the field
 * reply  'saved' · 'gone' · 'late'
 *
 * Never creates a session: that is what would bring one back that was logged out meanwhile. One step,
 * because it must not end between the look and the write.
 */
export const saveScript: Script<SaveReply> = defineScript(
  `${prologue}
local notAfter, stamp = ARGV[1], ARGV[2]
if notAfter ~= '' and nowUs > tonumber(notAfter) then return 'late' end
local granted = redis.call('HGET', KEYS[1], 'g')
local watermark = redis.call('GET', KEYS[2])
if not granted or (watermark and granted <= watermark) then return 'gone' end
local removed = false
for at = 3, #ARGV, 2 do
  local field = 'f:' .. ARGV[at]
  removed = removed or ARGV[at + 1] == ''
  local stored = redis.call('HGET', KEYS[1], field)
  local before = stored and string.match(stored, '^%S*') or ''
  local its = stamp
  if its == '' then its = stampOf(math.max(nowUs, usOf(before) + 1)) end
  if its > before then redis.call('HSET', KEYS[1], field, its .. ' ' .. ARGV[at + 1]) end
end

-- Of the fields that were removed, a session whose fields have ever new names keeps the last.
if removed and redis.call('HLEN', KEYS[1]) > ${mostRemovedFields} then
  local all, stamps = redis.call('HGETALL', KEYS[1]), {}
  for at = 1, #all, 2 do
    local stamp = string.sub(all[at], 1, 2) == 'f:' and string.match(all[at + 1], '^(%S+) $')
    if stamp then stamps[#stamps + 1] = { stamp, all[at] } end
  end
  table.sort(stamps, function(one, other) return one[1] > other[1] end)
  for n = ${mostRemovedFields / 2} + 1, #stamps do redis.call('HDEL', KEYS[1], stamps[n][2]) end
end
return 'saved'
`,
  saveReply,
)

/**
 * KEYS   session · watermark · index
 * ARGV   its digest · ms that its tag is to be refused for, or '' · tag, channel, message, placeholder
 * reply  1 it was there · 0
 *
 * A full server lets the deletion through, and then the rest.
 */
export const destroyScript: Script<number> = defineScript(
  `${prologue}${tellLua}
local existed = redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if ARGV[2] ~= '' then redis.call('SET', KEYS[2], stampOf(nowUs), 'PX', ARGV[2]) end
tell({ ARGV[1] }, ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return existed
`,
  Number,
)

/** What {@link revokeAllScript} answers: what was granted up to the stamp is revoked. */
export interface RevokeReply {
  readonly stamp: string
  /** The digests of the sessions that ended. */
  readonly ended: readonly string[]
}

/**
 * KEYS   watermark · index
 * ARGV   µs after which nothing is done any more, or '' · the stamp, or '' for now · the digest that stays,
 *        or '' · absolute ms · of what ends: tag, channel, message, placeholder
 * reply  the stamp, the digests that ended · the stamp alone is '' when it came too late
 *
 * What was granted later than the stamp stays: a revocation that waited for Redis ends what there was
 * when it was accepted, whenever it comes.
 */
export const revokeAllScript: Script<RevokeReply> = defineScript(
  `${prologue}${tellLua}
local notAfter, stamp, except, absolute = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if notAfter ~= '' and nowUs > tonumber(notAfter) then return { '' } end
local base = string.sub(KEYS[2], 1, -2)
-- A full server lets this write through, and then the others.
redis.call('PEXPIRE', KEYS[2], absolute)
local watermark = redis.call('GET', KEYS[1]) or ''
if stamp == '' then stamp = stampOf(math.max(nowUs, usOf(watermark) + 1)) end
if stamp > watermark then redis.call('SET', KEYS[1], stamp, 'PX', absolute) end
local reply, ended = { stamp }, {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local granted = redis.pcall('HGET', base .. member, 'g')
  -- A key that holds something else is no session.
  if not granted or type(granted) == 'table' then
    redis.call('ZREM', KEYS[2], member)
  elseif granted <= stamp and member == except then
    redis.call('HSET', base .. member, 'g', stampOf(usOf(stamp) + 1))
  elseif granted <= stamp then
    redis.call('DEL', base .. member)
    redis.call('ZREM', KEYS[2], member)
    reply[#reply + 1] = member
    ended[#ended + 1] = member
  end
end
tell(ended, ARGV[5], ARGV[6], ARGV[7], ARGV[8])
return reply
`,
  (reply) => {
    const [stamp = '', ...ended] = texts(reply)
    return { stamp, ended }
  },
)

/**
 * KEYS   watermark · index
 * ARGV   idle ms · absolute ms
 * reply  of each session that is there: digest, created, seen, whose it is
 */
export const listScript: Script<readonly string[]> = defineScript(
  `${prologue}
local idle, absolute = tonumber(ARGV[1]), tonumber(ARGV[2])
local base = string.sub(KEYS[2], 1, -2)
local watermark = redis.call('GET', KEYS[1])
local reply = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local head = redis.pcall('HMGET', base .. member, 'c', 's', 'g', 'm')
  local created, seen = tonumber(head[1] or ''), tonumber(head[2] or '')
  if created and seen and nowMs < created + absolute and nowMs < seen + idle
    and head[3] and not (watermark and head[3] <= watermark) then
    for _, value in ipairs({ member, head[1], head[2], head[4] or '' }) do reply[#reply + 1] = value end
  end
end
return reply
`,
  texts,
)
