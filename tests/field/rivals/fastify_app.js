// A session by @fastify/session and tokens by @fastify/jwt, as their READMEs show them first; both in one app.
const fastify = require("fastify")();
const users = new Map(["ann", "ben", "cleo", "dan"].map((name) => [name, `${name} rides a horse`]));

fastify.register(require("@fastify/cookie"));
fastify.register(require("@fastify/session"), {
  secret: "a secret with minimum length of 32 characters",
  cookie: { secure: false }, // the README asks for it where there is no https
});
fastify.register(require("@fastify/jwt"), { secret: "supersecret" });
fastify.decorate("authenticate", async function (request, reply) {
  try {
    await request.jwtVerify();
  } catch (err) {
    reply.send(err);
  }
});

function knows(body) {
  return body && users.has(body.name) && users.get(body.name) === body.password;
}
const refuse = (reply) => reply.code(401).send({ error: "wrong name or password" });

fastify.register(async function (app) {
  app.post("/login", async (request, reply) => {
    if (!knows(request.body)) return refuse(reply);
    request.session.user = { name: request.body.name };
    return { id: request.body.name };
  });
  app.post("/logout", async (request) => {
    await request.session.destroy();
    return {};
  });
  app.get("/me", async (request, reply) => {
    if (!request.session.user) return refuse(reply);
    return { id: request.session.user.name };
  });
  app.post("/token", async (request, reply) => {
    if (!knows(request.body)) return refuse(reply);
    return { token: app.jwt.sign({ name: request.body.name }) };
  });
  app.get("/token/me", { onRequest: [fastify.authenticate] }, async (request) => request.user);
});
fastify.listen({ port: Number(process.env.PORT), host: "127.0.0.1" });
