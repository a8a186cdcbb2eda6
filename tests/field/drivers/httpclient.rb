# httpclient, which keeps cookies by default
require "httpclient"
puts "httpclient #{HTTPClient::VERSION}"
client = HTTPClient.new
url = ARGV[0]
puts client.post("#{url}/login", ENV["BODY"], "Content-Type" => "application/json").status
puts client.get("#{url}/me").status
puts client.post("#{url}/logout", "").status
puts client.get("#{url}/me").status
