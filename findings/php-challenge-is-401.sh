#!/usr/bin/env bash
# PHP, and a refusal that is not a 401 but has a challenge.
#
# RFC 6750 (3.1) answers a token that may not do this with 403, a bad request with 400, and puts WWW-Authenticate there
# too, with the reason.
# What one would guess: a status that the script has set stays, whatever headers follow.
# What happens: the line that sets WWW-Authenticate sets the status to 401, without a word. A 403 says that this token
# will never do; a 401, that a new one might. Set after that line, the status stays. (Location is known for such a thing:
# it makes a 302, and the manual says so.)
# Needs apt-get, dpkg, Python 3 and curl.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download php8.2-cli=8.2.36-1~deb12u1 libargon2-1 libsodium23 libxml2 libicu72
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu

cat >answer.php <<'PHP'
<?php
$status = (int) $_GET["status"];
if ($_GET["first"] === "status") http_response_code($status);
header('WWW-Authenticate: Bearer error="insufficient_scope"');
if ($_GET["first"] === "challenge") http_response_code($status);
PHP
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
root/usr/bin/php8.2 -n -S "127.0.0.1:$port" answer.php 2>/dev/null &
server=$!
until curl --noproxy '*' --silent -o body "http://127.0.0.1:$port/?status=400&first=status"; do sleep 0.1; done
root/usr/bin/php8.2 -n -r 'echo "PHP ", PHP_VERSION, "\n";'
for first in status challenge; do
    for status in 400 403 429; do
        url="http://127.0.0.1:$port/?status=$status&first=$first"
        seen=$(curl --noproxy '*' --silent -o body -w '%{http_code}' "$url")
        echo "$status, the $first set first: $seen"
    done
done | tee seen
diff - seen <<'SEEN'
400, the status set first: 401
403, the status set first: 401
429, the status set first: 401
400, the challenge set first: 400
403, the challenge set first: 403
429, the challenge set first: 429
SEEN
