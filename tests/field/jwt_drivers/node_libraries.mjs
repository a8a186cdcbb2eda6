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
};
await libraries[process.argv[2]]();
