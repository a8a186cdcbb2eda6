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
  async "fetch-cookie"() {
    const fetch = require("fetch-cookie").default(globalThis.fetch);
    console.log("fetch-cookie", JSON.parse((await import("node:fs")).readFileSync("node_modules/fetch-cookie/package.json")).version);
    for (const [method, path, data, headers] of steps) console.log((await fetch(url + path, { method, body: data, headers })).status);
  },
  async needle() { // which hands the cookies to the one who asks
    const needle = require("needle");
    versionOf("needle");
    let cookies = {};
    for (const [method, path, data, headers = {}] of steps) {
      const answer = await needle(method.toLowerCase(), url + path, data, { headers, cookies });
      cookies = { ...cookies, ...answer.cookies };
      console.log(answer.statusCode);
    }
  },
  async playwright() { // its requests without a browser
    const { request } = require("playwright-core");
    versionOf("playwright-core");
    const client = await request.newContext();
    for (const [method, path, data, headers] of steps) console.log((await client.fetch(url + path, { method, data, headers })).status());
    await client.dispose();
  },
  async jsdom() { // a page's XMLHttpRequest
    const { JSDOM } = require("jsdom");
    versionOf("jsdom");
    const { window } = new JSDOM("", { url: `${url}/app` });
    for (const [method, path, data, headers = {}] of steps) {
      const request = new window.XMLHttpRequest();
      request.open(method, path);
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      await new Promise((done) => { request.onload = done; request.send(data); });
      console.log(request.status);
    }
  },
  async "happy-dom"() { // a page's fetch
    const { Window } = await load("happy-dom");
    console.log("happy-dom", JSON.parse((await import("node:fs")).readFileSync("node_modules/happy-dom/package.json")).version);
    const window = new Window({ url: `${url}/app` });
    for (const [method, path, data, headers] of steps) console.log((await window.fetch(url + path, { method, body: data, headers })).status);
    await window.happyDOM.close();
  },
  async newman() { // Postman's collections
    const newman = require("newman");
    versionOf("newman");
    const item = steps.map(([method, path, data, headers = {}]) => ({
      name: path, request: { url: url + path, method, body: { mode: "raw", raw: data ?? "" }, header: Object.entries(headers).map(([key, value]) => ({ key, value })) },
    }));
    const run = newman.run({ collection: { info: { name: "login" }, item } });
    run.on("request", (error, { response }) => console.log(response.code));
    await new Promise((done) => run.on("done", done));
  },
};
await clients[name]();
