# json-jwt. See libraries.py for what is read and printed.
require "json/jwt"
require "base64"
puts "json-jwt #{Gem.loaded_specs["json-jwt"]&.version}"
key = Base64.urlsafe_decode64(ENV["SECRET"])
claims = JSON.parse(ENV["CLAIMS"])
begin
  JSON::JWT.decode(ENV["TOKEN"], key)
  puts "accepted"
rescue StandardError => error
  puts "refused: #{error.message}"
end
puts JSON::JWT.new({ "sub" => claims["sub"] }).sign(key, :HS256).to_s
token = JSON::JWT.new(claims)
token.header["typ"] = "at+jwt"
token.kid = ENV["KID"]
puts token.sign(key, :HS256).to_s
