// Chromium and Firefox: a page of the server's own asks, as a page's script does.
import { createRequire } from "node:module";

const [, , browser, executablePath, url] = process.argv;
const require = createRequire(`${process.cwd()}/package.json`);
const puppeteer = (await import(require.resolve("puppeteer-core"))).default;
const opened = await puppeteer.launch({ browser, executablePath, headless: true, args: browser === "chrome" ? ["--no-sandbox"] : [] });
console.log((await opened.version()).replace("/", " "));
const page = await opened.newPage();
// The server's own pages let no script ask: an application brings its own pages, and here it is this one.
await page.setRequestInterception(true);
page.on("request", (request) => request.url() === `${url}/app` ? request.respond({ contentType: "text/html", body: "an application" }) : request.continue());
await page.goto(`${url}/app`);
const steps = [["POST", "/login", process.env.BODY], ["GET", "/me"], ["POST", "/logout"], ["GET", "/me"]];
for (const [method, path, body] of steps) {
  const headers = body ? { "content-type": "application/json" } : {};
  console.log(await page.evaluate(async (path, options) => (await fetch(path, options)).status, path, { method, body, headers }));
}
await opened.close();
