# Mojo::UserAgent, which keeps cookies by itself
use strict; use warnings; use Mojo::UserAgent; use Mojolicious;
print "Mojolicious ", Mojolicious->VERSION, "\n";
my $agent = Mojo::UserAgent->new; my $url = $ARGV[0];
print $agent->post("$url/login", {'Content-Type' => 'application/json'}, $ENV{BODY})->result->code, "\n";
print $agent->get("$url/me")->result->code, "\n";
print $agent->post("$url/logout")->result->code, "\n";
print $agent->get("$url/me")->result->code, "\n";
