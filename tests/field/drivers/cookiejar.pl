# HTTP::Tiny with HTTP::CookieJar
use strict; use warnings; use HTTP::Tiny; use HTTP::CookieJar;
print "HTTP::CookieJar ", HTTP::CookieJar->VERSION, "\n";
my $agent = HTTP::Tiny->new(cookie_jar => HTTP::CookieJar->new); my $url = $ARGV[0];
print $agent->post("$url/login", {headers => {'content-type' => 'application/json'}, content => $ENV{BODY}})->{status}, "\n";
print $agent->get("$url/me")->{status}, "\n";
print $agent->post("$url/logout")->{status}, "\n";
print $agent->get("$url/me")->{status}, "\n";
