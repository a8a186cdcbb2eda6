# Net::HTTP with the http-cookie gem
require "net/http"
require "http-cookie"
puts "http-cookie #{HTTP::Cookie::VERSION}"
$jar = HTTP::CookieJar.new
def ask(kind, url, body = nil)
  uri = URI(url)
  request = kind.new(uri)
  cookies = HTTP::Cookie.cookie_value($jar.cookies(uri))
  request["Cookie"] = cookies unless cookies.empty?
  request["Content-Type"] = "application/json" if body
  request.body = body || (kind == Net::HTTP::Post ? "" : nil)
  answer = Net::HTTP.start(uri.host, uri.port) { |http| http.request(request) }
  (answer.get_fields("Set-Cookie") || []).each { |line| $jar.parse(line, uri) }
  puts answer.code
end
url = ARGV[0]
ask(Net::HTTP::Post, "#{url}/login", ENV["BODY"])
ask(Net::HTTP::Get, "#{url}/me")
ask(Net::HTTP::Post, "#{url}/logout")
ask(Net::HTTP::Get, "#{url}/me")
