// The Express of express.js, with sessions (by express-session and connect-redis) and users in the Redis that REDIS_URL
// names.

import { randomBytes } from "node:crypto";
import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";
import { tokenAnswer, userOfBearer, userOfPassword } from "./accounts.js";

const client = createClient({ url: process.env.REDIS_URL });
await client.connect();
const app = express();
const sessions = session({
  store: new RedisStore({ client }),
  secret: randomBytes(32).toString("hex"),
  resave: false,
  saveUninitialized: false,
});

function answer(response, user) {
  if (user === null) response.sendStatus(401);
  else response.json({ user });
}

app.post("/login", express.json(), sessions, async (request, response) => {
  const user = userOfPassword(request.body.email, request.body.password);
  if (user !== null) {
    request.session.userId = user.id;
    await client.set(`user:${user.id}`, JSON.stringify(user));
  }
  answer(response, user);
});
app.get("/me", sessions, async (request, response) => {
  const { userId } = request.session;
  answer(response, userId === undefined ? null : JSON.parse(await client.get(`user:${userId}`)));
});
app.post("/token/login", express.json(), async (request, response) => {
  response.json(await tokenAnswer(userOfPassword(request.body.email, request.body.password)));
});
app.get("/token/me", async (request, response) => {
  answer(response, await userOfBearer(request.get("authorization")));
});

app.listen(Number(process.argv[2]), "127.0.0.1");
