"""Chapter one: how does a server know who is calling? All of it in one file, in ten minutes.

HTTP forgets you after each answer. So you prove once who you are, with a password, and show something from then on.
By session it is a number: the server remembers whose it is. By token it is a signed note: the server remembers nothing.

What it lacks, other chapters add. Logins that end and go on: sessions.py, refresh.py, revocation.py, keys.py. Limits,
and answers of equal time: throttle.py, passwords.py, users.py, serving/. Strict reading: wire.py, cookies.py, jwt.py.
A guard against other sites: guards.py. A memory that lasts: maps.py, stores/. Start it (Ctrl-C ends it), and paste:

    ALICE='{"email": "alice@example.com", "password": "correct horse battery"}' TYPE='Content-Type: application/json'
    curl -i 127.0.0.1:8000/signup -H "$TYPE" -d "$ALICE"
    curl -i 127.0.0.1:8000/login -H "$TYPE" -d "$ALICE" -c cookies.txt && curl -i 127.0.0.1:8000/me -b cookies.txt
    TOKEN=$(curl -s 127.0.0.1:8000/token/login -H "$TYPE" -d "$ALICE" | cut -d '"' -f 4)
    curl -i 127.0.0.1:8000/token/me -H "Authorization: Bearer $TOKEN"
    curl -i 127.0.0.1:8000/logout -X POST -b cookies.txt && curl -i 127.0.0.1:8000/me -b cookies.txt
"""

import base64
import hmac
import json
import secrets
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time

import bcrypt

KEY = secrets.token_bytes(32)  # what tokens are signed with, new at each start
TOKEN_LIFETIME = 15 * 60  # seconds: a token cannot be taken back, so it ends soon
User = dict[str, str]  # id, email, role
Answer = tuple[int, object, dict[str, str]]  # status, what goes as JSON, headers


class Users(dict[str, tuple[User, bytes]]):  # by e-mail address: the user, and the hash of the password
    def sign_up(self, email: str, password: str, role: str = "user") -> User | None:
        if email in self:
            return None
        user = {"id": secrets.token_urlsafe(16), "email": email, "role": role}
        self[email] = user, bcrypt.hashpw(password.encode(), bcrypt.gensalt())  # slow and salted; it takes 72 bytes
        return user

    def check_credentials(self, email: str, password: str) -> User | None:
        user, stored = self.get(email, (None, b""))
        return user if user and len(password.encode()) <= 72 and bcrypt.checkpw(password.encode(), stored) else None


class Sessions(dict[str, User]):  # by session id: who is logged in
    def log_in(self, user: User) -> Answer:
        session_id = secrets.token_urlsafe(32)  # never one that came with the request: others may know that one
        self[session_id] = user
        # HttpOnly hides it from scripts, SameSite from the forms of other sites
        return 200, {"user": user}, {"Set-Cookie": f"session={session_id}; HttpOnly; SameSite=Lax; Path=/"}

    def authenticate(self, request: BaseHTTPRequestHandler) -> User | None:
        return self.get(self.read_cookie(request))

    def log_out(self, request: BaseHTTPRequestHandler) -> Answer:
        self.pop(self.read_cookie(request), None)  # if only the cookie were cleared, a stolen copy would go on working
        return 200, {"message": "Logged out"}, {"Set-Cookie": "session=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"}

    def read_cookie(self, request: BaseHTTPRequestHandler) -> str:
        pairs = [pair.strip().partition("=") for pair in request.headers.get("Cookie", "").split(";")]  # a=1; b=2
        return {name: value for name, _, value in pairs}.get("session", "")


class Tokens:  # nobody is kept here: whoever is logged in carries it along
    def log_in(self, user: User) -> Answer:
        claims = {"sub": user["id"], "email": user["email"], "role": user["role"], "exp": int(time()) + TOKEN_LIFETIME}
        signed = self.encode(b'{"alg": "HS256", "typ": "JWT"}') + "." + self.encode(json.dumps(claims).encode())
        return 200, {"token": f"{signed}.{self.sign(signed)}", "token_type": "Bearer", "expires_in": TOKEN_LIFETIME}, {}

    def authenticate(self, request: BaseHTTPRequestHandler) -> User | None:
        signed, _, signature = request.headers.get("Authorization", "").removeprefix("Bearer ").rpartition(".")
        if not hmac.compare_digest(signature.encode(), self.sign(signed).encode()):  # not ==: its time tells how far
            return None
        said = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        return {"id": said["sub"], "email": said["email"], "role": said["role"]} if time() < said["exp"] else None

    def log_out(self, request: BaseHTTPRequestHandler) -> Answer:
        return 200, {"message": "Logged out"}, {}  # there is nothing to forget: the client throws its token away

    def sign(self, text: str) -> str:
        return self.encode(hmac.digest(KEY, text.encode(), "sha256"))  # HS256, whatever a token says of its `alg`

    def encode(self, data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Handler(BaseHTTPRequestHandler):  # the routes: they read alike whichever of the two remembers the caller
    users, sessions, tokens = Users(), Sessions(), Tokens()

    def do_GET(self) -> None:
        try:
            status, content, headers = self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        except ValueError:  # not JSON, not UTF-8, or a length that is no number
            status, content, headers = 400, {"code": "invalid_json"}, {}
        body = json.dumps(content).encode() + b"\n"
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer(self, body: bytes) -> Answer:
        by_token = self.path.startswith("/token/") or (self.path == "/users" and "Authorization" in self.headers)
        mechanism = self.tokens if by_token else self.sessions
        user = mechanism.authenticate(self)
        match f"{self.command} {self.path}", json.loads(body or "null"):
            case "POST /signup", {"email": str(email), "password": str(password)} if 8 <= len(password.encode()) <= 72:
                new = self.users.sign_up(email, password)
                return (201, {"user": new}, {}) if new else (409, {"code": "email_taken"}, {})
            case "POST /login" | "POST /token/login", {"email": str(email), "password": str(password)}:
                known = self.users.check_credentials(email, password)
                return mechanism.log_in(known) if known else (401, {"code": "invalid_credentials"}, {})
            case "POST /signup" | "POST /login" | "POST /token/login", _:
                return 400, {"code": "invalid_request"}, {}
            case "POST /logout" | "POST /token/logout", _:
                return mechanism.log_out(self)
            case "GET /me" | "GET /token/me", _ if user:
                return 200, {"user": user}, {}
            case "GET /users", _ if user:
                everybody = {"users": [each for each, _ in self.users.values()], "next": None}
                return (200, everybody, {}) if user["role"] == "admin" else (403, {"code": "forbidden"}, {})
            case "GET /me" | "GET /token/me" | "GET /users", _:
                return 401, {"code": "unauthorized"}, {}
        return 404, {"code": "not_found"}, {}

    do_POST = do_GET  # the method is part of the route


def main(port: int = 0) -> None:
    with suppress(KeyboardInterrupt), ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        password = secrets.token_urlsafe(12)
        Handler.users.sign_up("admin@example.com", password, role="admin")
        print(str(__doc__).replace("8000", str(server.server_port)), "admin@example.com password", password, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
