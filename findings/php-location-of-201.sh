#!/usr/bin/env bash
# PHP's file_get_contents, and where a new account is.
#
# 201 Created has a Location too: it says where the new thing is (RFC 9110, 15.3.2). It is no redirect.
# What one would guess: it is not followed; and `follow_location`, which the manual says is 1 unless set, changes nothing
# when it is set to 1.
# What happens: as long as nobody sets it, PHP 8.2 follows the Location of redirects alone. Who writes the default down
# makes it follow the Location of any status: the answer to POST is lost, a GET goes where it pointed, and the script is
# given what that says. With 0, the answer itself comes back.
# Needs apt-get, dpkg and Python 3.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download php8.2-cli=8.2.36-1~deb12u1 libargon2-1 libsodium23 libxml2 libicu72
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu

cat >server.py <<'PY'
from http.server import BaseHTTPRequestHandler, HTTPServer


class Accounts(BaseHTTPRequestHandler):
    def answer(self, status, text):
        self.send_response(status)
        if self.path != "/accounts/7":
            self.send_header("Location", "/accounts/7")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer(200, b"a page")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(int(self.path[1:]), b"made")

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Accounts)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat >ask.php <<'PHP'
<?php
foreach (["not set" => [], "1" => ["follow_location" => 1], "0" => ["follow_location" => 0]] as $name => $options)
    foreach ([201, 200, 303] as $status) {
        $post = ["method" => "POST", "header" => "Content-Type: application/json", "content" => "{}"];
        $context = stream_context_create(["http" => $post + $options]);
        $seen = file_get_contents("http://127.0.0.1:$argv[1]/$status", false, $context);
        echo "follow_location $name, $status with a Location: $seen\n";
    }
PHP
mkfifo port
python3 server.py >port &
server=$!
read -r number <port
root/usr/bin/php8.2 -n -r 'echo "PHP ", PHP_VERSION, "\n";'
env -u http_proxy root/usr/bin/php8.2 -n ask.php "$number" | tee seen
diff - seen <<'SEEN'
follow_location not set, 201 with a Location: made
follow_location not set, 200 with a Location: made
follow_location not set, 303 with a Location: a page
follow_location 1, 201 with a Location: a page
follow_location 1, 200 with a Location: a page
follow_location 1, 303 with a Location: a page
follow_location 0, 201 with a Location: made
follow_location 0, 200 with a Location: made
follow_location 0, 303 with a Location: made
SEEN
