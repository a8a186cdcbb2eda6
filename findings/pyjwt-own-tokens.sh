#!/usr/bin/env bash
# PyJWT, and tokens that PyJWT wrote.
#
# RFC 7519 says that `sub` and `jti` are strings. Many databases number their users, and many write that number.
# What one would guess: a library that insists on strings says so when it writes the token, where the fault is.
# What happens: PyJWT 2.15.1 writes {"sub": 42} and {"jti": 7} without a word, and refuses both when they come back. So
# the login works, and each request after it fails. {"iss": 42} is refused at once, by a TypeError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install PyJWT==2.15.1 2>/dev/null

cat >ask.py <<'PY'
import jwt

key = b"k" * 32
for claims in ({"sub": 42}, {"jti": 7}, {"iss": 42}):
    (name, value), = claims.items()
    try:
        token = jwt.encode(claims, key, "HS256")
    except TypeError:
        print(f"{name}, {type(value).__name__}: not written")
        continue
    try:
        jwt.decode(token, key, ["HS256"])
        print(f"{name}, {type(value).__name__}: written, taken")
    except jwt.InvalidTokenError as refused:
        print(f"{name}, {type(value).__name__}: written, refused, {type(refused).__name__}")
PY
echo "PyJWT 2.15.1"
python/bin/python ask.py | tee seen
diff - seen <<'SEEN'
sub, int: written, refused, InvalidSubjectError
jti, int: written, refused, InvalidJTIError
iss, int: not written
SEEN
