-- No two requests are alike: other paths, queries, hosts, addresses, cookies that open and cookies that do not.
-- Arguments: a file (a cookie a line), with which number to begin, and the host that has a port.

local cookies, at, host = {}, 0, ""

function init(arguments)
  for line in io.lines(arguments[1]) do
    cookies[#cookies + 1] = line
  end
  at = tonumber(arguments[2])
  host = arguments[3]
end

local function asked(target, hostname, ...)
  local lines = { "GET " .. target .. " HTTP/1.1", "Host: " .. hostname, "Accept: text/html", ... }
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

function request()
  at = at + 1
  local kind = at % 10
  local cookie = "Cookie: " .. cookies[at % #cookies + 1]
  local address = "X-Forwarded-For: 10." .. math.floor(at / 65536) % 256 .. "." .. math.floor(at / 256) % 256 .. "." .. at % 256
  if kind < 6 then
    return asked("/small?n=" .. at, host, cookie, address)
  elseif kind == 6 then
    return asked("/_auth/check/traefik", host, cookie, address, "X-Forwarded-Method: GET", "X-Forwarded-Proto: http",
      "X-Forwarded-Host: " .. host, "X-Forwarded-Uri: /" .. at)
  elseif kind == 7 then
    return asked("/" .. at, host, address)
  elseif kind == 8 then
    return asked("/", "app" .. at .. ".example.com", address)
  end
  return asked("/", host, "Cookie: gw=" .. string.rep("x", at % 150) .. at, address)
end
