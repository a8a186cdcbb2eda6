// A login with Passport over express-session, as Passport's tutorial "Username & Password" builds it; users in a Map.
const crypto = require("crypto");
const express = require("express");
const session = require("express-session");
const passport = require("passport");
const LocalStrategy = require("passport-local");

const users = new Map();
const app = express();
app.use(express.urlencoded({ extended: false }));
app.use(session({ secret: "keyboard cat", resave: false, saveUninitialized: false }));
app.use(passport.authenticate("session"));

passport.use(new LocalStrategy(function verify(username, password, cb) {
  const row = users.get(username);
  if (!row) return cb(null, false, { message: "Incorrect username or password." });
  crypto.pbkdf2(password, row.salt, 310000, 32, "sha256", function (err, hashedPassword) {
    if (err) return cb(err);
    if (!crypto.timingSafeEqual(row.hashed_password, hashedPassword)) {
      return cb(null, false, { message: "Incorrect username or password." });
    }
    return cb(null, row);
  });
}));
passport.serializeUser((user, cb) => process.nextTick(() => cb(null, { id: user.id, username: user.username })));
passport.deserializeUser((user, cb) => process.nextTick(() => cb(null, user)));

app.get("/login", (req, res) => res.send('<form action="/login/password" method="post"></form>'));
app.post("/login/password", passport.authenticate("local", { successRedirect: "/", failureRedirect: "/login" }));
app.post("/logout", function (req, res, next) {
  req.logout(function (err) {
    if (err) return next(err);
    res.redirect("/");
  });
});
app.post("/signup", function (req, res, next) {
  const salt = crypto.randomBytes(16);
  crypto.pbkdf2(req.body.password, salt, 310000, 32, "sha256", function (err, hashedPassword) {
    if (err) return next(err);
    if (users.has(req.body.username)) return next(new Error("UNIQUE constraint failed: users.username"));
    const user = { id: users.size + 1, username: req.body.username, hashed_password: hashedPassword, salt };
    users.set(user.username, user);
    req.login(user, function (err) {
      if (err) return next(err);
      res.redirect("/");
    });
  });
});
app.get("/", function (req, res, next) {
  if (!req.user) return res.send('<a href="/login">Sign in</a>');
  res.json(req.user);
});
app.listen(Number(process.env.PORT), "127.0.0.1");
