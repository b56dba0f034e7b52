-- Every request posts the same form. Argument: its body, urlencoded.

local wanted

function init(arguments)
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
  wanted = wrk.format("POST", nil, nil, arguments[1])
end

function request()
  return wanted
end
