# JSON::WebToken. See libraries.py for what is read and printed.
use strict; use warnings; use JSON::WebToken qw(encode_jwt decode_jwt); use JSON::PP; use MIME::Base64 qw(decode_base64url);
print "JSON::WebToken ", JSON::WebToken->VERSION, "\n";
my $key = decode_base64url($ENV{SECRET}); my $claims = decode_json($ENV{CLAIMS});
print eval { decode_jwt($ENV{TOKEN}, $key); 1 } ? "accepted\n" : "refused: $@";
print encode_jwt({sub => $claims->{sub}}, $key), "\n";
print encode_jwt($claims, $key, 'HS256', {typ => 'at+jwt', kid => $ENV{KID}}), "\n";
