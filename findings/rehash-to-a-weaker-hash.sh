#!/usr/bin/env bash
# Password libraries, and a hash that is stronger than the setting.
#
# When a login succeeds, the password is at hand, and an old, weak hash can be replaced. Libraries have a function that
# says when: `check_needs_rehash`, `needs_update`, `must_update`.
# What one would guess: a hash that took more work than is asked for today is good, and stays.
# What happens: Django 5.2.19, argon2-cffi 25.1.0, passlib 1.7.4 and PHP 8.2 all say that it must be made anew: they ask
# whether the work is another, not whether it is less. Django makes it by itself. So of two servers on one database, of
# which one has the new version, each login at the old one makes a strong hash weaker again: what Django 5.2.19 wrote
# with 1,000,000 rounds has 600,000 after a login at Django 4.2.16.
# Needs Python 3, apt-get and dpkg.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download php8.2-cli=8.2.36-1~deb12u1 libargon2-1 libsodium23 libxml2 libicu72
for package in *.deb; do dpkg -x "$package" root; done
python3 -m venv new
new/bin/pip install --quiet --disable-pip-version-check Django==5.2.19 argon2-cffi==25.1.0 passlib==1.7.4 2>/dev/null
python3 -m venv old
old/bin/pip install --quiet --disable-pip-version-check Django==4.2.16 2>/dev/null

cat >log_in.py <<'PY'
"""Make a hash, or log in with one; print the hash that is stored then."""
import sys

import django
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

settings.configure()
stored = sys.argv[1] if len(sys.argv) > 1 else make_password("correct horse")


def store(password):
    global stored
    stored = make_password(password)


assert check_password("correct horse", stored, setter=store)
print("Django", django.__version__, stored)
PY
cat >ask.py <<'PY'
from argon2 import PasswordHasher
from passlib.hash import pbkdf2_sha256

for name, made, asked in (("weaker", 2, 3), ("equal", 3, 3), ("stronger", 4, 3)):
    print(f"argon2-cffi, {name}:", PasswordHasher(asked).check_needs_rehash(PasswordHasher(made).hash("p")))
for name, made, asked in (("weaker", 20, 30), ("equal", 30, 30), ("stronger", 40, 30)):
    print(f"passlib, {name}:", pbkdf2_sha256.using(rounds=asked).needs_update(pbkdf2_sha256.using(rounds=made).hash("p")))
PY
cat >ask.php <<'PHP'
<?php
foreach (["weaker" => 9, "equal" => 10, "stronger" => 11] as $name => $cost) {
    $hash = password_hash("p", PASSWORD_BCRYPT, ["cost" => $cost]);
    echo "PHP, $name: ", json_encode(password_needs_rehash($hash, PASSWORD_BCRYPT, ["cost" => 10])), "\n";
}
PHP
{
    new/bin/python ask.py
    LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu root/usr/bin/php8.2 -n ask.php
    hash=
    for python in new old new; do
        line=$($python/bin/python log_in.py ${hash:+"$hash"})
        hash=${line##* }
        echo "${line% *}: $(cut -d'$' -f2 <<<"$hash") rounds"
    done
} | tee seen
diff - seen <<'SEEN'
argon2-cffi, weaker: True
argon2-cffi, equal: False
argon2-cffi, stronger: True
passlib, weaker: True
passlib, equal: False
passlib, stronger: True
PHP, weaker: true
PHP, equal: false
PHP, stronger: true
Django 5.2.19: 1000000 rounds
Django 4.2.16: 600000 rounds
Django 5.2.19: 1000000 rounds
SEEN
