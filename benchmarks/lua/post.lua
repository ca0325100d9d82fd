-- POST bodies from a file in turn, with keys from a file in turn; `#######` in a body becomes a number never sent before.
-- Prints one line of JSON that starts with {"wrk": what benchmarks/load.py reads.
local heads, bodies, n, threads = {}, {}, 0, 0

function setup(thread)
  thread:set("offset", threads)
  threads = threads + 1
end

local function lines(path)
  local all = {}
  for line in io.lines(path) do all[#all + 1] = line end
  return all
end

function init(args)
  local header, start = args[3], tonumber(args[4])
  for i, body in ipairs(lines(args[2])) do
    local a, b = body:find("#######", 1, true)
    bodies[i] = {body:sub(1, a - 1), body:sub(b + 1)}
    bodies.length = #body
  end
  for i, key in ipairs(lines(args[1])) do
    heads[i] = "POST " .. wrk.path .. " HTTP/1.1\r\nhost: " .. wrk.headers["Host"] .. "\r\ncontent-type: application/json\r\n"
      .. "user-agent: bench\r\n" .. header .. key .. "\r\ncontent-length: " .. bodies.length .. "\r\n\r\n"
  end
  n = start + offset * 100000
end

function request()
  n = n + 1
  local body = bodies[n % #bodies + 1]
  return heads[n % #heads + 1] .. body[1] .. string.format("%07d", n % 10000000) .. body[2]
end

function done(summary, latency, requests)
  local e = summary.errors
  print(string.format('{"wrk": {"requests": %d, "seconds": %.6f, "p50_us": %.1f, "p99_us": %.1f, "refused": %d, "broken": %d}}',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), e.status,
    e.connect + e.read + e.write + e.timeout))
end
