# Ruby's Mechanize, which keeps cookies by itself
require "mechanize"
puts "Mechanize #{Mechanize::VERSION}"
agent = Mechanize.new
url = ARGV[0]
code = ->(&ask) { begin; ask.call.code; rescue Mechanize::ResponseCodeError => error; error.response_code; end }
puts code.call { agent.post("#{url}/login", ENV["BODY"], "Content-Type" => "application/json") }
puts code.call { agent.get("#{url}/me") }
puts code.call { agent.post("#{url}/logout", "") }
puts code.call { agent.get("#{url}/me") }
