-- Asks the gateway about a request and carries its answer out. HAProxy 2.6 or newer, nothing else is needed.
--
--     lua-load /etc/haproxy/auth-gateway.lua
--     http-request lua.auth-gateway http://127.0.0.1:8080/_auth/check/haproxy
--
-- The action sets txn.auth_allowed to true only after the gateway said 200; an error in here would otherwise let the request pass, because HAProxy goes on
-- after an action that failed. So the line behind it must refuse whatever was not allowed (haproxy.cfg shows it).

-- What the gateway tells about a person. Each is removed from what the client sent before it is set.
local IDENTITY = {"x-user-id", "x-user-email", "x-user-name", "x-user-groups", "x-gateway-jwt-assertion"}

-- What a check may be judged by; nothing else is sent along. `cookie` is the session, the others say whether a person is looking.
local ASKED = {"cookie", "accept", "user-agent", "referer", "origin", "x-requested-with", "sec-fetch-mode", "sec-fetch-dest", "sec-websocket-key",
               "sec-websocket-version"}

-- Headers of the gateway's own pages that a browser must get.
local PAGE = {"content-type", "location", "cache-control", "vary", "retry-after", "www-authenticate", "content-security-policy", "referrer-policy",
              "x-content-type-options", "x-frame-options", "set-cookie", "x-request-id"}

-- Milliseconds for the whole check.
local TIMEOUT = 10000

-- HAProxy counts values from 0.
local function values(headers, name)
    local found, list, index = headers[name], {}, 0
    while found and found[index] do
        list[#list + 1] = found[index]
        index = index + 1
    end
    return list
end

local function is_own(name)
    name = name:gsub("^__Host%-", ""):gsub("^__Secure%-", "")
    return name == "gw" or name == "gw-csrf" or name == "gw-lang"
end

-- A Cookie header without the gateway's cookies; nil when nothing is left.
local function without_own(value)
    local kept = {}
    for pair in value:gmatch("[^;]+") do
        local trimmed = pair:match("^%s*(.-)%s*$")
        local name = trimmed:match("^(.-)%s*=") or ""
        if trimmed ~= "" and not is_own(name) then
            kept[#kept + 1] = trimmed
        end
    end
    if #kept > 0 then
        return table.concat(kept, "; ")
    end
end

local function ask(txn, url)
    local sent, headers = txn.http:req_get_headers(), {}
    for _, name in ipairs(ASKED) do
        local found = values(sent, name)
        if #found > 0 then
            headers[name] = found
        end
    end
    headers["x-forwarded-method"] = {txn.f:method()}
    headers["x-forwarded-proto"] = {txn.f:ssl_fc() == 1 and "https" or "http"}
    headers["x-forwarded-host"] = values(sent, "host")
    headers["x-forwarded-uri"] = {txn.f:pathq()}
    headers["x-forwarded-for"] = {txn.f:src()}
    return core.httpclient():get{url = url, headers = headers, timeout = TIMEOUT}
end

local function allow(txn, answer)
    for _, name in ipairs(IDENTITY) do
        txn.http:req_del_header(name)
        local found = values(answer.headers, name)
        if #found == 1 and found[1] ~= "" then
            txn.http:req_set_header(name, found[1])
        end
    end
    local cookies = values(txn.http:req_get_headers(), "cookie")
    txn.http:req_del_header("cookie")
    for _, value in ipairs(cookies) do
        local rest = without_own(value)
        if rest then
            txn.http:req_add_header("cookie", rest)
        end
    end
    local renewed = values(answer.headers, "set-cookie")
    if #renewed == 1 then
        txn:set_var("txn.auth_set_cookie", renewed[1])
    end
    txn:set_var("txn.auth_allowed", true)
end

local function refuse(txn, answer)
    local reply = txn:reply()
    reply:set_status(answer.status)
    for _, name in ipairs(PAGE) do
        for _, value in ipairs(values(answer.headers, name)) do
            reply:add_header(name, value)
        end
    end
    reply:set_body(answer.body or "")
    txn:done(reply)
end

core.register_action("auth-gateway", {"http-req"}, function(txn, url)
    txn:set_var("txn.auth_allowed", false)
    local answer = ask(txn, url)
    if answer.status == 200 then
        allow(txn, answer)
    elseif answer.status >= 300 and answer.status <= 499 or answer.status == 503 and values(answer.headers, "x-request-id")[1] then
        refuse(txn, answer)
    end
end, 1)
