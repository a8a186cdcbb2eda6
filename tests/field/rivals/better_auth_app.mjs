// Accounts and sessions with better-auth, as its pages "Installation", "Basic Usage" and "Express Integration" show them.
import Database from "better-sqlite3";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { getMigrations } from "better-auth/db/migration";
import express from "express";

const port = Number(process.env.PORT);
export const auth = betterAuth({
  baseURL: `http://127.0.0.1:${port}`,
  secret: process.env.BETTER_AUTH_SECRET,
  database: new Database(":memory:"),
  emailAndPassword: { enabled: true },
});
await (await getMigrations(auth.options)).runMigrations();

const app = express();
app.all("/api/auth/*splat", toNodeHandler(auth));
app.listen(port, "127.0.0.1");
