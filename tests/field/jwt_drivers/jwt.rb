# ruby-jwt. See libraries.py for what is read and printed.
require "jwt"
require "json"
require "base64"
puts "ruby-jwt #{Gem.loaded_specs["jwt"]&.version || JWT::VERSION::STRING}"
key = Base64.urlsafe_decode64(ENV["SECRET"])
claims = JSON.parse(ENV["CLAIMS"])
begin
  JWT.decode(ENV["TOKEN"], key, true, algorithm: "HS256", iss: "authref", verify_iss: true, aud: "authref", verify_aud: true)
  puts "accepted"
rescue JWT::DecodeError => error
  puts "refused: #{error.message}"
end
puts JWT.encode({ "sub" => claims["sub"] }, key, "HS256")
puts JWT.encode(claims, key, "HS256", { typ: "at+jwt", kid: ENV["KID"] })
