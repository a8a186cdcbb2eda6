// Node's clients that keep cookies: the name of one, and the URL.
import { createRequire } from "node:module";

const [, , name, url] = process.argv;
const body = process.env.BODY;
const json = { "content-type": "application/json" };
const steps = [["POST", "/login", body, json], ["GET", "/me"], ["POST", "/logout", ""], ["GET", "/me"]];
const require = createRequire(`${process.cwd()}/package.json`);
const versionOf = (module) => console.log(module, require(`${module}/package.json`).version);
const load = async (module) => import(require.resolve(module));

const clients = {
  async "tough-cookie"() { // with Node's own fetch
    const { CookieJar } = await load("tough-cookie");
    const jar = new CookieJar();
    console.log(`tough-cookie ${require("tough-cookie/package.json").version}, Node ${process.versions.node}`);
    for (const [method, path, data, headers = {}] of steps) {
      const cookie = await jar.getCookieString(url + path);
      const answer = await fetch(url + path, { method, body: data, headers: { ...headers, ...(cookie ? { cookie } : {}) } });
      for (const line of answer.headers.getSetCookie()) await jar.setCookie(line, url + path);
      console.log(answer.status);
    }
  },
  async axios() {
    const axios = require("axios");
    const { wrapper } = require("axios-cookiejar-support");
    const { CookieJar } = require("tough-cookie");
    versionOf("axios");
    const client = wrapper(axios.create({ jar: new CookieJar(), validateStatus: () => true }));
    for (const [method, path, data, headers] of steps) console.log((await client.request({ method, url: url + path, data, headers })).status);
  },
  async got() {
    const { got } = await import(`file://${process.cwd()}/node_modules/got/dist/source/index.js`);
    const { CookieJar } = require("tough-cookie");
    console.log("got", JSON.parse((await import("node:fs")).readFileSync("node_modules/got/package.json")).version);
    const client = got.extend({ cookieJar: new CookieJar(), throwHttpErrors: false });
    for (const [method, path, data, headers] of steps) console.log((await client(url + path, { method, headers, ...(data !== undefined ? { body: data } : {}) })).statusCode);
  },
  async superagent() {
    const superagent = require("superagent");
    versionOf("superagent");
    const agent = superagent.agent().ok(() => true);
    for (const [method, path, data, headers = {}] of steps) console.log((await agent[method.toLowerCase()](url + path).set(headers).send(data || undefined)).status);
  },
};
await clients[name]();
