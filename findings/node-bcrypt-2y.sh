#!/usr/bin/env bash
# A bcrypt hash that PHP or Apache's htpasswd wrote, read in Node.
#
# They write `$2y$`; OpenBSD, and so Python and Node, write `$2b$`. The letters name the same computation.
# What one would guess: the right password fits either, or the library says that it cannot read one of them.
# What happens: bcrypt 6.0.0 from npm answers false for the right password, and no error: to whoever moved accounts over,
# everybody has forgotten their password. bcryptjs 3.0.3, @node-rs/bcrypt 2.0.0 and Python's bcrypt 5.0.0 answer true.
# With the one letter changed to b, all four do.
# Needs npm, Node 20, Python and Apache's htpasswd (of which the package is unpacked, not installed).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 . # apt's own user writes here
apt-get -qq download apache2-utils libaprutil1 libapr1
for package in *.deb; do dpkg -x "$package" root; done
npm install --silent --no-fund --no-audit bcrypt@6.0.0 bcryptjs@3.0.3 @node-rs/bcrypt@2.0.0 >/dev/null
python3 -m venv python
python/bin/pip -q install bcrypt==5.0.0 2>/dev/null
libraries=$(find "$folder/root" -name 'libapr*.so*' -printf '%h\n' | sort -u | paste -sd:)
hash=$(LD_LIBRARY_PATH=$libraries root/usr/bin/htpasswd -nbB -C 5 alice "correct horse" | cut -d: -f2 | head -1)

cat >ask.mjs <<'JS'
import bcrypt from "bcrypt";
import bcryptjs from "bcryptjs";
import rust from "@node-rs/bcrypt";

const libraries = { bcrypt, bcryptjs, "@node-rs/bcrypt": rust };
for (const [name, library] of Object.entries(libraries))
    console.log(`${name}: ${library.compareSync("correct horse", process.argv[2])}`);
JS
for written in "$hash" "${hash/\$2y\$/\$2b\$}"; do
    echo "a hash that begins with ${written:0:4}"
    node ask.mjs "$written"
    python/bin/python -c 'import bcrypt, sys; print("Python:", bcrypt.checkpw(b"correct horse", sys.argv[1].encode()))' "$written"
done | tee seen
diff - seen <<'SEEN'
a hash that begins with $2y$
bcrypt: false
bcryptjs: true
@node-rs/bcrypt: true
Python: True
a hash that begins with $2b$
bcrypt: true
bcryptjs: true
@node-rs/bcrypt: true
Python: True
SEEN
