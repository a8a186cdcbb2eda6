#!/usr/bin/env bash
# libjwt and the header's `typ`.
#
# RFC 7515 (4.1.9) leaves `typ` to the application; RFC 8725 (3.11) recommends types of one's own, and RFC 9068 names
# one for access tokens: at+jwt.
# What one would guess: a library that does not care for the type reads such a token, if the signature is right.
# What happens: libjwt 1.10.2 reads a token whose typ is JWT, and one without a typ, and refuses the same claims under
# the same key with typ at+jwt. When it writes a token, it puts JWT there, whatever header was added before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 . # apt's own user writes here
apt-get download -qq libjwt0=1.10.2-1+deb12u1 libjwt-dev=1.10.2-1+deb12u1 libjansson4=2.14-2 2>/dev/null
for package in *.deb; do dpkg -x "$package" root; done
library=$(dirname "$(find root -name 'libjwt.so' | head -1)")

cat >ask.c <<'C'
#include <jwt.h>
#include <stdio.h>
#include <string.h>

int main(int count, char **tokens) {
    const unsigned char key[] = "0123456789abcdef0123456789abcdef";
    for (int place = 1; place < count; place++) {
        jwt_t *read = NULL;
        puts(jwt_decode(&read, tokens[place], key, 32) == 0 ? "read" : "refused");
    }
    jwt_t *made = NULL;
    jwt_new(&made);
    jwt_add_header(made, "typ", "at+jwt");
    jwt_set_alg(made, JWT_ALG_HS256, key, 32);
    puts(jwt_encode_str(made));
    return 0;
}
C
gcc ask.c -I root/usr/include -L "$library" -ljwt -Wl,--allow-shlib-undefined -o ask
python3 - >tokens <<'PY'
import hashlib, hmac, json
from base64 import urlsafe_b64encode

def encode(data):
    return urlsafe_b64encode(data).rstrip(b"=")

for extra in ({"typ": "JWT"}, {}, {"typ": "at+jwt"}):
    text = encode(json.dumps({"alg": "HS256", **extra}).encode()) + b"." + encode(b'{"sub":"alice"}')
    mac = hmac.digest(b"0123456789abcdef0123456789abcdef", text, "sha256")
    print((text + b"." + encode(mac)).decode())
PY
mapfile -t seen < <(LD_LIBRARY_PATH="$library" ./ask $(cat tokens))
header=$(python3 -c 'import base64, sys; print(base64.urlsafe_b64decode(sys.argv[1].split(".")[0] + "==").decode())' "${seen[3]}")
echo "libjwt 1.10.2"
echo "typ JWT: ${seen[0]}; no typ: ${seen[1]}; typ at+jwt: ${seen[2]}"
echo "asked to write at+jwt it writes $header"
test "${seen[0]} ${seen[1]} ${seen[2]}" = "read read refused"
case $header in *'"typ":"JWT"'*) ;; *) exit 1 ;; esac
