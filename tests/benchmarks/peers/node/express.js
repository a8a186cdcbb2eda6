// What would it be in Express? Middleware and routes; jose for the tokens.

import cookieParser from "cookie-parser";
import express from "express";
import { startSession, tokenAnswer, userOfBearer, userOfPassword, userOfSession } from "./accounts.js";

const app = express();
app.use(cookieParser());

function byPassword(request, response, next) {
  request.user = userOfPassword(request.body.email, request.body.password);
  demand(request, response, next);
}

function bySession(request, response, next) {
  request.user = userOfSession(request.cookies.session);
  demand(request, response, next);
}

async function byToken(request, response, next) {
  request.user = await userOfBearer(request.get("authorization"));
  demand(request, response, next);
}

function demand(request, response, next) {
  if (request.user === null) response.sendStatus(401);
  else next();
}

app.post("/login", express.json(), byPassword, (request, response) => {
  response.cookie("session", startSession(request.user), { httpOnly: true, sameSite: "lax" });
  response.json({ user: request.user });
});
app.get("/me", bySession, (request, response) => response.json({ user: request.user }));
app.post("/token/login", express.json(), byPassword, async (request, response) => {
  response.json(await tokenAnswer(request.user));
});
app.get("/token/me", byToken, (request, response) => response.json({ user: request.user }));

app.listen(Number(process.argv[2]), "127.0.0.1");
