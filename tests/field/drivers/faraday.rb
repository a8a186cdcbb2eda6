# Faraday with its cookie jar
require "faraday"
require "faraday-cookie_jar"
puts "Faraday #{Faraday::VERSION}"
client = Faraday.new(url: ARGV[0]) do |chosen|
  chosen.use :cookie_jar
  chosen.adapter Faraday.default_adapter
end
puts client.post("/login", ENV["BODY"], "Content-Type" => "application/json").status
puts client.get("/me").status
puts client.post("/logout").status
puts client.get("/me").status
