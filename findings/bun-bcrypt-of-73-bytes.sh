#!/usr/bin/env bash
# Bun's bcrypt, and a long password.
#
# bcrypt reads 72 bytes. Libraries cut what is longer, or refuse it.
# What one would guess: a hash that begins with `$2b$` is one of bcrypt, whoever wrote it, and any bcrypt library can say
# whether a password fits.
# What happens: from 73 bytes on, Bun 1.4.5 gives bcrypt the SHA-512 of the password, and writes `$2b$` as before. (Its
# manual has a sentence on it; the hash has none.) Up to 72 bytes all understand each other. From there on neither reads
# the other's: npm's bcryptjs says false to the right password in Bun's hash, and Bun to the right one in bcryptjs's. The
# SHA-512 itself, given as the password's bytes, fits Bun's hash in Python's bcrypt.
# Needs npm, Node 20 and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit bun@1.4.5 bcryptjs@3.0.3 >/dev/null
python3 -m venv python
python/bin/pip -q install --disable-pip-version-check bcrypt==5.0.0 2>/dev/null

cat >bun.mjs <<'JS'
const [length, theirs] = process.argv.slice(2);
const password = "p".repeat(Number(length));
if (theirs) console.log(await Bun.password.verify(password, theirs));
else console.log(await Bun.password.hash(password, { algorithm: "bcrypt", cost: 5 }));
JS
cat >node.mjs <<'JS'
import bcryptjs from "bcryptjs";

const [length, theirs] = process.argv.slice(2);
const password = "p".repeat(Number(length));
console.log(theirs ? bcryptjs.compareSync(password, theirs) : bcryptjs.hashSync(password, 5));
JS
cat >digest.py <<'PY'
import hashlib
import sys

import bcrypt

length, theirs = sys.argv[1:]
print(bcrypt.checkpw(hashlib.sha512(b"p" * int(length)).digest(), theirs.encode()))
PY
echo "Bun $(node_modules/.bin/bun --version)"
bun() { node_modules/.bin/bun bun.mjs "$@"; }
for length in 72 73; do
    by_bun=$(bun $length)
    by_node=$(node node.mjs $length)
    echo "$length bytes, hashes begin with ${by_bun:0:7} and ${by_node:0:7}"
    echo "  bcryptjs reads its own: $(node node.mjs $length "$by_node"), Bun's: $(node node.mjs $length "$by_bun")"
    echo "  Bun reads its own: $(bun $length "$by_bun"), bcryptjs's: $(bun $length "$by_node")"
    echo "  the SHA-512 fits Bun's: $(python/bin/python digest.py $length "$by_bun")"
done | tee seen
diff - seen <<'SEEN'
72 bytes, hashes begin with $2b$05$ and $2b$05$
  bcryptjs reads its own: true, Bun's: true
  Bun reads its own: true, bcryptjs's: true
  the SHA-512 fits Bun's: False
73 bytes, hashes begin with $2b$05$ and $2b$05$
  bcryptjs reads its own: true, Bun's: false
  Bun reads its own: true, bcryptjs's: false
  the SHA-512 fits Bun's: True
SEEN
