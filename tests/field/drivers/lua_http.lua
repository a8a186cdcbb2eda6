-- lua-http, whose requests share a cookie store; `site` says that they are of the server's own site
local request = require "http.request"
print("lua-http " .. require("http.version").version .. ", " .. _VERSION)
local steps = { { "POST", "/login", os.getenv "BODY" }, { "GET", "/me" }, { "POST", "/logout", "" }, { "GET", "/me" } }
local url = arg[#arg]
for _, step in ipairs(steps) do
  local asked = request.new_from_uri(url .. step[2])
  if arg[1] == "site" then asked.site_for_cookies = asked.host end
  asked.headers:upsert(":method", step[1])
  if step[3] then
    asked.headers:upsert("content-type", "application/json")
    asked:set_body(step[3])
  end
  print((asked:go():get ":status"))
end
