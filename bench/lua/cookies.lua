-- Every request brings the next cookie of a file, so that many sessions are used in turn.
-- Arguments: the file (a cookie a line), and with which line to begin.

local head, cookies, at = nil, {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    cookies[#cookies + 1] = line
  end
  at = tonumber(arguments[2]) % #cookies
  head = string.sub(wrk.format(), 1, -3) -- without the empty line at its end
end

function request()
  at = at + 1
  if at > #cookies then at = 1 end
  return head .. "Cookie: " .. cookies[at] .. "\r\n\r\n"
end
