// What would it be in Node alone? Its own http module, one function; jose for the tokens.

import { createServer } from "node:http";
import { startSession, tokenAnswer, userOfBearer, userOfPassword, userOfSession } from "./accounts.js";

function answer(response, status, value, headers = {}) {
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": length, ...headers });
  response.end(body);
}

function me(response, user) {
  if (user === null) answer(response, 401, { detail: "Unauthorized" });
  else answer(response, 200, { user });
}

function cookie(request, name) {
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

async function json(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  return JSON.parse(body);
}

async function handle(request, response) {
  const route = `${request.method} ${request.url}`;
  if (route === "GET /me") return me(response, userOfSession(cookie(request, "session")));
  if (route === "GET /token/me") return me(response, await userOfBearer(request.headers.authorization));
  if (route !== "POST /login" && route !== "POST /token/login") return answer(response, 404, { detail: "Not Found" });
  const { email, password } = await json(request);
  const user = userOfPassword(email, password);
  if (user === null) return me(response, null);
  if (route === "POST /token/login") return answer(response, 200, await tokenAnswer(user));
  const set = `session=${startSession(user)}; HttpOnly; SameSite=Lax; Path=/`;
  return answer(response, 200, { user }, { "set-cookie": set });
}

createServer((request, response) => {
  handle(request, response).catch(() => answer(response, 500, { detail: "Internal Server Error" }));
}).listen(Number(process.argv[2]), "127.0.0.1");
