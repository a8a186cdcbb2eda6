# Crypt::JWT. See libraries.py for what is read and printed.
use strict; use warnings; use Crypt::JWT qw(encode_jwt decode_jwt); use JSON::PP; use MIME::Base64 qw(decode_base64url);
print "Crypt::JWT ", Crypt::JWT->VERSION, "\n";
my $key = decode_base64url($ENV{SECRET}); my $claims = decode_json($ENV{CLAIMS});
print eval { decode_jwt(token => $ENV{TOKEN}, key => $key); 1 } ? "accepted\n" : "refused: $@";
print encode_jwt(payload => {sub => $claims->{sub}}, alg => 'HS256', key => $key), "\n";
print encode_jwt(payload => $claims, alg => 'HS256', key => $key, extra_headers => {typ => 'at+jwt', kid => $ENV{KID}}), "\n";
