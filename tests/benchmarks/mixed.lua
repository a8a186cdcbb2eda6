-- What do many users do at once? Of each hundred requests 90 ask GET /me, 9 GET /token/me and one logs in.
-- Arguments after `--`: the Cookie header, the Authorization header, the body of the login.

local ME, TOKEN_ME, LOGIN
local count = 0

init = function(arguments)
  ME = wrk.format("GET", "/me", {["Cookie"] = arguments[1]})
  TOKEN_ME = wrk.format("GET", "/token/me", {["Authorization"] = arguments[2]})
  LOGIN = wrk.format("POST", "/login", {["Content-Type"] = "application/json"}, arguments[3])
end

request = function()
  count = count + 1
  if count % 100 == 0 then return LOGIN end
  if count % 11 == 0 then return TOKEN_ME end
  return ME
end

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "load.lua")
