-- For wrk: `-- DEPTH` sends that many requests at a time. The totals are printed as a line of JSON.

function init(args)
  local depth = tonumber(args[1])
  if depth == 1 then return end -- without a request function, wrk does not call Lua for each request
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
