-- For wrk: `-- N FILE` asks for the paths in the file one after another, N at a time; the sums are
-- printed as one line of JSON at the end.

function init(args)
  local depth, batches = tonumber(args[1]), {}
  for path in io.lines(args[2]) do
    batches[#batches + 1] = string.rep(wrk.format(nil, path), depth)
  end
  if depth == 1 and #batches == 1 then return end -- wrk then sends its one request without asking Lua
  local at = 0
  request = function()
    at = at % #batches + 1
    return batches[at]
  end
end

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\n',
    summary.requests, summary.duration,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status
  ))
end
