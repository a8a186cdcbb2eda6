// What do the Node peers share? What accounts.py is to the Python ones: one user, sessions in a Map, tokens by jose
// with every check on. The password is compared, not hashed.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { SignJWT, jwtVerify } from "jose";

const ISSUER = "benchmark", AUDIENCE = "benchmark", LIFETIME = 15 * 60; // seconds that a token lives
const KEY = randomBytes(32);
const PASSWORD = Buffer.from("correct horse battery");

const USERS = new Map([["3kZ0cVJY2vBq8nRtWmXxLQ", {
  id: "3kZ0cVJY2vBq8nRtWmXxLQ",
  email: "alice@example.com",
  role: "user",
  disabled: false,
  created_at: "2027-01-15T08:00:00Z",
}]]);
const SESSIONS = new Map(); // session id -> user id

export function userOfPassword(email, password) {
  const sent = Buffer.from(password);
  if (sent.length !== PASSWORD.length || !timingSafeEqual(sent, PASSWORD)) return null;
  return [...USERS.values()].find((user) => user.email === email) ?? null;
}

export function startSession(user) {
  const id = randomBytes(32).toString("base64url");
  SESSIONS.set(id, user.id);
  return id;
}

export function userOfSession(id) {
  const user = USERS.get(SESSIONS.get(id));
  return user === undefined || user.disabled ? null : user;
}

export async function tokenAnswer(user) {
  const token = await new SignJWT({ email: user.email, role: user.role, created_at: user.created_at })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject(user.id)
    .setIssuedAt().setExpirationTime(`${LIFETIME}s`).setJti(randomBytes(16).toString("base64url"))
    .sign(KEY);
  return { token, token_type: "Bearer", expires_in: LIFETIME };
}

const CHECKS = {
  algorithms: ["HS256"], issuer: ISSUER, audience: AUDIENCE, requiredClaims: ["exp", "iat", "sub", "jti"],
};

export async function userOfBearer(authorization) {
  const [scheme, token] = (authorization ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || !token) return null;
  try {
    const { payload } = await jwtVerify(token, KEY, CHECKS);
    return {
      id: payload.sub, email: payload.email, role: payload.role, disabled: false, created_at: payload.created_at,
    };
  } catch {
    return null;
  }
}
