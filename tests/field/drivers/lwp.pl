# LWP::UserAgent with HTTP::Cookies
use strict; use warnings; use LWP::UserAgent; use HTTP::Cookies;
print "LWP $LWP::VERSION\n";
my $agent = LWP::UserAgent->new(cookie_jar => HTTP::Cookies->new);
my $url = $ARGV[0];
print $agent->post("$url/login", 'Content-Type' => 'application/json', Content => $ENV{BODY})->code, "\n";
print $agent->get("$url/me")->code, "\n";
print $agent->post("$url/logout")->code, "\n";
print $agent->get("$url/me")->code, "\n";
