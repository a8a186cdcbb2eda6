#!/usr/bin/env bash
# `iat`, the time when a token was made, and eight libraries that read it.
#
# RFC 7519 (4.1.6) gives it to tell a token's age, in seconds that may have a fraction, and no reader a rule to refuse it.
# What one would guess: a token is taken by the library that wrote it, at once; and by each library or by none if the
# clocks of two machines are two seconds apart.
# What happens: joserfc 1.8.0 and Authlib 1.9.10 compare it with a clock of whole seconds. A token whose iat is Python's
# time.time() is refused by the library that has just written it, "issued in the future", until the second is over. Two
# seconds ahead is too much for these two, PyJWT and hono, and nothing to python-jose, jsonwebtoken, jose and fast-jwt:
# one token, and who logs in depends on the language of the service.
# Needs npm, Node 20 and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install joserfc==1.8.0 Authlib==1.9.10 PyJWT==2.15.1 python-jose==3.5.0 2>/dev/null
npm install --silent --no-fund --no-audit hono@4.13.19 jsonwebtoken@9.0.3 jose@6.2.18 fast-jwt@6.3.6 >/dev/null

cat >ask.mjs <<'JS'
import { createVerifier } from "fast-jwt";
import { verify } from "hono/jwt";
import * as jose from "jose";
import jsonwebtoken from "jsonwebtoken";

const [key] = process.argv.slice(2);
let token;
const readers = {
    hono: () => verify(token, key, "HS256"),
    jsonwebtoken: () => jsonwebtoken.verify(token, key),
    jose: () => jose.jwtVerify(token, Buffer.from(key)),
    "fast-jwt": () => createVerifier({ key })(token),
};
for (const [name, read] of Object.entries(readers)) {
    token = jsonwebtoken.sign({ sub: "alice", iat: Math.floor(Date.now() / 1000) + 2 }, key);
    try {
        await read();
        console.log(`  ${name}: taken`);
    } catch {
        console.log(`  ${name}: refused`);
    }
}
JS
cat >ask.py <<'PY'
import subprocess
import time

import jwt as pyjwt
from authlib.jose import jwt as authlib
from jose import jwt as python_jose
from joserfc import jwt as joserfc
from joserfc.jwk import OctKey

KEY = "k" * 32
OCT = OctKey.import_key(KEY)


def joserfc_reads(token):
    joserfc.JWTClaimsRegistry().validate(joserfc.decode(token, OCT).claims)


def authlib_reads(token):
    authlib.decode(token, KEY).validate()


def taken(read, token):
    try:
        read(token)
        return "taken"
    except Exception:
        return "refused"


def early_in_a_second():
    while time.time() % 1 > 0.3:
        time.sleep(0.01)


print("iat is time.time(), written and read by the same library, at once and after a second")
for name, write, read in (
    ("joserfc", lambda claims: joserfc.encode({"alg": "HS256"}, claims, OCT), joserfc_reads),
    ("Authlib", lambda claims: authlib.encode({"alg": "HS256"}, claims, KEY), authlib_reads),
    ("PyJWT", lambda claims: pyjwt.encode(claims, KEY), lambda token: pyjwt.decode(token, KEY, ["HS256"])),
):
    early_in_a_second()
    token = write({"sub": "alice", "iat": time.time()})
    at_once = taken(read, token)
    time.sleep(1)
    print(f"  {name}: {at_once}, {taken(read, token)}")

print("iat is two seconds ahead", flush=True)
for name, read in (
    ("joserfc", joserfc_reads),
    ("Authlib", authlib_reads),
    ("PyJWT", lambda token: pyjwt.decode(token, KEY, ["HS256"])),
    ("python-jose", lambda token: python_jose.decode(token, KEY, ["HS256"])),
):
    print(f"  {name}: {taken(read, pyjwt.encode({'sub': 'alice', 'iat': int(time.time()) + 2}, KEY))}", flush=True)
subprocess.run(["node", "ask.mjs", KEY], check=True)
PY
python/bin/python ask.py 2>warnings | tee seen
diff - seen <<'SEEN'
iat is time.time(), written and read by the same library, at once and after a second
  joserfc: refused, taken
  Authlib: refused, taken
  PyJWT: taken, taken
iat is two seconds ahead
  joserfc: refused
  Authlib: refused
  PyJWT: refused
  python-jose: taken
  hono: refused
  jsonwebtoken: taken
  jose: taken
  fast-jwt: taken
SEEN
