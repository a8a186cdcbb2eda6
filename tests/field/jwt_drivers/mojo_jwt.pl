# Mojo::JWT. See libraries.py for what is read and printed.
use strict; use warnings; use Mojo::JWT; use JSON::PP; use MIME::Base64 qw(decode_base64url);
print "Mojo::JWT ", Mojo::JWT->VERSION, "\n";
my $key = decode_base64url($ENV{SECRET}); my $claims = decode_json($ENV{CLAIMS});
print eval { Mojo::JWT->new(secret => $key)->decode($ENV{TOKEN}); 1 } ? "accepted\n" : "refused: $@";
print Mojo::JWT->new(claims => {sub => $claims->{sub}}, secret => $key)->encode, "\n";
print Mojo::JWT->new(claims => $claims, secret => $key, header => {typ => 'at+jwt', kid => $ENV{KID}})->encode, "\n";
