-- For wrk: `-- N` sends N requests at a time; the sums are printed as one line of JSON at the end.

function init(args)
  local depth = tonumber(args[1])
  if depth == 1 then return end -- wrk then sends its one request without asking Lua
  local batch = string.rep(wrk.format(), depth)
  request = function() return batch end
end

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\n',
    summary.requests, summary.duration,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status
  ))
end
