#!/usr/bin/env bash
# How long a token lives, told to three libraries with one number.
#
# RFC 7519 (4.1.4) writes `exp` in seconds since 1970. Each of these has a setting for a lifetime, and takes 60 for it.
# What one would guess: a token that lives for 60 seconds, from whichever, and from "60" as well.
# What happens: jsonwebtoken 9.0.3 takes the number for seconds and the text "60" for milliseconds, which it cuts to 0:
# that token has ended when it is made. fast-jwt 6.3.6 takes both for milliseconds: with 900, a quarter of an hour
# elsewhere, `exp` is at most a second ahead. jose 6.2.18 takes the number for a date in 1970, and refuses the text.
# And "1M", for whoever means a month, is a minute in all three.
# Needs npm and Node 20.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit jsonwebtoken@9.0.3 fast-jwt@6.3.6 jose@6.2.18 >/dev/null

cat >ask.mjs <<'JS'
import { createSigner } from "fast-jwt";
import * as jose from "jose";
import jsonwebtoken from "jsonwebtoken";

const key = Buffer.alloc(32, "k");
const makers = {
    jsonwebtoken: (lifetime) => jsonwebtoken.sign({}, key, { expiresIn: lifetime }),
    "fast-jwt": (lifetime) => createSigner({ key, expiresIn: lifetime })({}),
    jose: (lifetime) =>
        new jose.SignJWT({}).setProtectedHeader({ alg: "HS256" }).setIssuedAt().setExpirationTime(lifetime).sign(key),
};

async function seconds(make, lifetime) {
    try {
        const { iat, exp } = jose.decodeJwt(await make(lifetime));
        return exp < 1_000_000 ? `until second ${exp} of 1970` : exp - iat <= 1 ? "at most 1 s" : `${exp - iat} s`;
    } catch {
        return "refused";
    }
}

for (const [name, make] of Object.entries(makers)) {
    const seen = [];
    for (const lifetime of [60, "60", 900, "1M"]) seen.push(await seconds(make, lifetime));
    console.log(`${name}: ${seen.join(", ")}`);
}
JS
echo 'a lifetime of: 60, "60", 900, "1M"'
node ask.mjs | tee seen
diff - seen <<'SEEN'
jsonwebtoken: 60 s, at most 1 s, 900 s, 60 s
fast-jwt: at most 1 s, at most 1 s, at most 1 s, 60 s
jose: until second 60 of 1970, refused, until second 900 of 1970, 60 s
SEEN
