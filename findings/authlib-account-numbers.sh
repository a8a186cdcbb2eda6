#!/usr/bin/env bash
# Authlib, and whose token it is.
#
# What one would guess: a library that writes tokens puts any text into `sub` (RFC 7519, 4.1.2).
# What happens: Authlib 1.9.10 looks at what is in the claims, and writes no token if a text there looks like the number of
# a credit card or of the American social security: user 4000000000000042 cannot log in, user 3000000000000042 can. A
# card's check digit is not computed, so that any 16 digits do that begin with 4. The same as a number, not a text, is
# written. A claim that is called "token" or "secret" is refused whatever it holds; one level deeper, it is not.
# `encode(..., check=False)` writes them all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv python
python/bin/pip -q install Authlib==1.9.10 2>/dev/null

cat >ask.py <<'PY'
from authlib.jose import JsonWebToken
from authlib.jose.errors import InsecureClaimError

library, key = JsonWebToken(["HS256"]), b"k" * 32
for claims in (
    {"sub": "3000000000000042"},
    {"sub": "4000000000000042"},
    {"sub": "4000000000000043"},
    {"sub": "user-4000000000000042"},
    {"sub": 4000000000000042},
    {"sub": "100-20-3000"},
    {"token": "refresh"},
    {"secret": None},
    {"about": {"secret": None}},
):
    assert library.encode({"alg": "HS256"}, claims, key, check=False)
    try:
        library.encode({"alg": "HS256"}, claims, key)
        print(claims, "is written")
    except InsecureClaimError as refused:
        print(claims, "is refused:", refused.error)
PY
echo "Authlib 1.9.10"
python/bin/python ask.py 2>warnings | tee seen
diff - seen <<'SEEN'
{'sub': '3000000000000042'} is written
{'sub': '4000000000000042'} is refused: insecure_claim
{'sub': '4000000000000043'} is refused: insecure_claim
{'sub': 'user-4000000000000042'} is refused: insecure_claim
{'sub': 4000000000000042} is written
{'sub': '100-20-3000'} is refused: insecure_claim
{'token': 'refresh'} is refused: insecure_claim
{'secret': None} is refused: insecure_claim
{'about': {'secret': None}} is written
SEEN
