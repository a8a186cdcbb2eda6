#!/usr/bin/env bash
# PHP's SQLite3 and a statement that changes a row and gives it back.
#
# A token that counts once is best redeemed in one statement: DELETE ... RETURNING. So is a counter: UPDATE ... RETURNING.
# What one would guess: `query` runs the statement, and `fetchArray` fetches the row. With PDO, on the same library, so it
# is.
# What happens: SQLite3 of PHP 8.2 runs the statement twice: `query`, or `execute` of a prepared one, once, and the first
# `fetchArray` again. The counter stands at 2 after one call. The token is gone, and no row is there to say whose it was:
# a right token, used once, is refused. `querySingle` runs it once.
# Needs apt-get and dpkg.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq -o APT::Sandbox::User=root download php8.2-cli=8.2.36-1~deb12u1 php8.2-common=8.2.36-1~deb12u1 \
    php8.2-sqlite3=8.2.36-1~deb12u1 libsqlite3-0 libargon2-1 libsodium23 libxml2 libicu72
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(uname -m)-linux-gnu
extensions=("$folder"/root/usr/lib/php/*/{pdo,pdo_sqlite,sqlite3}.so)

cat >ask.php <<'PHP'
<?php
$new = "DROP TABLE IF EXISTS tokens; CREATE TABLE tokens (token, user); INSERT INTO tokens VALUES ('x', 'alice');
    DROP TABLE IF EXISTS counter; CREATE TABLE counter (n); INSERT INTO counter VALUES (0)";
$delete = "DELETE FROM tokens WHERE token = 'x' RETURNING user";
$update = "UPDATE counter SET n = n + 1 RETURNING n";
$sqlite3 = new SQLite3(":memory:");
$pdo = new PDO("sqlite::memory:");
$first = fn($row) => $row === false || $row === null ? "nobody" : (is_array($row) ? $row[0] : $row);
$ways = [
    "PDO, query" => fn($sql) => $first($pdo->query($sql)->fetch(PDO::FETCH_NUM)),
    "SQLite3, querySingle" => fn($sql) => $first($sqlite3->querySingle($sql)),
    "SQLite3, query" => fn($sql) => $first($sqlite3->query($sql)->fetchArray(SQLITE3_NUM)),
    "SQLite3, prepare" => fn($sql) => $first($sqlite3->prepare($sql)->execute()->fetchArray(SQLITE3_NUM)),
];
echo "PHP ", PHP_VERSION, ", SQLite ", SQLite3::version()["versionString"], "\n";
foreach ($ways as $name => $ask) {
    $pdo->exec($new);
    $sqlite3->exec($new);
    echo "$name: the token was of ", $ask($delete), ", the counter is at ", $ask($update), "\n";
}
PHP
root/usr/bin/php8.2 -n "${extensions[@]/#/-dextension=}" ask.php | tee seen
diff - <(tail -n +2 seen) <<'SEEN'
PDO, query: the token was of alice, the counter is at 1
SQLite3, querySingle: the token was of alice, the counter is at 1
SQLite3, query: the token was of nobody, the counter is at 2
SQLite3, prepare: the token was of nobody, the counter is at 2
SEEN
