-- Asks for the report, one signed-in user after another. Its argument is a file with a cookie in each line.
local questions, last = {}, 0

function init(args)
  for cookie in io.lines(args[1]) do
    local headers = cookie ~= '' and { Cookie = cookie } or {}
    questions[#questions + 1] = wrk.format('GET', '/report', headers)
  end
end

function request()
  last = last % #questions + 1
  return questions[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'result {"requests":%d,"seconds":%.6f,"failed":%d,"p99Ms":%.3f}\n',
    summary.requests,
    summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(99) / 1e3
  ))
end
