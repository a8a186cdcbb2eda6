// Node's JWT libraries: the name of one. See libraries.py for what is read and printed.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const { TOKEN, SECRET, KID } = process.env;
const key = Buffer.from(SECRET, "base64url");
const claims = JSON.parse(process.env.CLAIMS);
const plain = { sub: claims.sub };
const header = { alg: "HS256", typ: "at+jwt", kid: KID };
const require = createRequire(`${process.cwd()}/package.json`);
const version = (name) => console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
async function say(check) {
  try { const result = await check(); console.log(result === false ? "refused: false" : "accepted"); } catch (refused) { console.log("refused:", refused.message); }
}

const libraries = {
  async jose() {
    const jose = await import(`file://${process.cwd()}/node_modules/jose/dist/webapi/index.js`);
    version("jose");
    await say(() => jose.jwtVerify(TOKEN, key, { issuer: "authref", audience: "authref", typ: "at+jwt" }));
    console.log(await new jose.SignJWT(plain).setProtectedHeader({ alg: "HS256" }).sign(key));
    console.log(await new jose.SignJWT(claims).setProtectedHeader(header).sign(key));
  },
  async jsonwebtoken() {
    const jwt = require("jsonwebtoken");
    version("jsonwebtoken");
    await say(() => jwt.verify(TOKEN, key, { algorithms: ["HS256"], issuer: "authref", audience: "authref" }));
    console.log(jwt.sign(plain, key));
    console.log(jwt.sign(claims, key, { header }));
  },
  async "fast-jwt"() {
    const { createSigner, createVerifier } = require("fast-jwt");
    version("fast-jwt");
    await say(() => createVerifier({ key, allowedIss: "authref", allowedAud: "authref" })(TOKEN));
    console.log(createSigner({ key })(plain));
    console.log(createSigner({ key, kid: KID, header: { typ: "at+jwt" } })(claims));
  },
  async jws() {
    const jws = require("jws");
    version("jws");
    await say(() => jws.verify(TOKEN, "HS256", key));
    console.log(jws.sign({ header: { alg: "HS256" }, payload: plain, secret: key }));
    console.log(jws.sign({ header, payload: claims, secret: key }));
  },
  async njwt() {
    const njwt = require("njwt");
    version("njwt");
    await say(() => njwt.verify(TOKEN, key, "HS256"));
    console.log(njwt.create(plain, key).compact());
    const token = njwt.create(claims, key);
    token.setHeader("typ", "at+jwt").setHeader("kid", KID);
    console.log(token.compact());
  },
  async "node-jose"() {
    const { JWK, JWS } = require("node-jose");
    version("node-jose");
    const jwk = await JWK.asKey({ kty: "oct", k: SECRET, kid: KID, alg: "HS256" });
    const made = (fields, payload) => JWS.createSign({ format: "compact", fields }, jwk).update(JSON.stringify(payload)).final();
    await say(() => JWS.createVerify(jwk).verify(TOKEN));
    console.log(await made({}, plain));
    console.log(await made(header, claims));
  },
  async "jwt-simple"() {
    const jwt = require("jwt-simple");
    version("jwt-simple");
    await say(() => jwt.decode(TOKEN, key));
    console.log(jwt.encode(plain, key));
    console.log(jwt.encode(claims, key, "HS256", { header }));
  },
  async jsrsasign() {
    const { KJUR } = require("jsrsasign");
    version("jsrsasign");
    const hex = { hex: key.toString("hex") };
    await say(() => KJUR.jws.JWS.verifyJWT(TOKEN, hex, { alg: ["HS256"], iss: ["authref"], aud: ["authref"] }));
    console.log(KJUR.jws.JWS.sign(null, { alg: "HS256", typ: "JWT" }, plain, hex));
    console.log(KJUR.jws.JWS.sign(null, header, claims, hex));
  },
  async "@hapi/jwt"() {
    const { token } = require("@hapi/jwt");
    version("@hapi/jwt");
    await say(() => token.verify(token.decode(TOKEN), { key, algorithm: "HS256" }, { aud: "authref", iss: "authref", sub: false }));
    console.log(token.generate(plain, key));
    console.log(token.generate(claims, { key, algorithm: "HS256" }, { header: { typ: "at+jwt", kid: KID }, iat: false }));
  },
  async hono() {
    const { sign, verify } = await import(`file://${process.cwd()}/node_modules/hono/dist/utils/jwt/jwt.js`);
    version("hono");
    const secret = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    await say(() => verify(TOKEN, secret, { alg: "HS256", iss: "authref", aud: "authref", typ: "at+jwt" }));
    console.log(await sign(plain, secret));
    console.log(await sign(claims, secret));
  },
  async "@tsndr/cloudflare-worker-jwt"() {
    const jwt = await import(`file://${process.cwd()}/node_modules/@tsndr/cloudflare-worker-jwt/index.js`);
    version("@tsndr/cloudflare-worker-jwt");
    const jwk = { kty: "oct", k: SECRET };
    await say(() => jwt.verify(TOKEN, jwk, { throwError: true }));
    console.log(await jwt.sign(plain, jwk));
    console.log(await jwt.sign(claims, jwk, { header }));
  },
  async "@node-rs/jsonwebtoken"() { // written in Rust
    const { sign, verify } = require("@node-rs/jsonwebtoken");
    version("@node-rs/jsonwebtoken");
    await say(() => verify(TOKEN, key, { aud: ["authref"], iss: ["authref"] }));
    console.log(await sign(plain, key));
    console.log(await sign(claims, key, { keyId: KID, contentType: "at+jwt" }));
  },
};
await libraries[process.argv[2]]();
