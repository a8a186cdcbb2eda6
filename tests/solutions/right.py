"""Other right answers: what a learner may well write instead of what authref has. Each must pass all claims.

A claim judges what a function does, and what it calls, by whatever name: an exercise that refuses a right answer
teaches that the learner was wrong. What attackers may well choose stands here too, and must get past the naive
version and not past the reference. check_exercises.py runs each.
"""

from __future__ import annotations

# The pieces of check_keys and of log_out that stand in several of the answers.
_EMPTY = 'if not keys:\n        raise ValueError("The key ring is empty; it needs at least one key.")\n'

RIGHT: dict[str, tuple[str, ...]] = {
    # -- chapter one
    "tiny-sign-up": (
        """
def sign_up(self, email, password, role="user"):
    from secrets import token_hex

    if self.get(email):
        return None
    user = {"id": token_hex(16), "email": email, "role": role}
    self[email] = (user, bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(12)))
    return user
""",
        """
def sign_up(self, email, password, role="user"):
    from secrets import token_bytes

    if self.get(email):
        return None
    user = {"id": token_bytes(16).hex(), "email": email, "role": role}
    self[email] = (user, bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(12)))
    return user
""",
        """
def sign_up(self, email, password, role="user"):
    from uuid import uuid4

    if self.get(email):
        return None
    user = {"id": str(uuid4()), "email": email, "role": role}
    self[email] = (user, bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(12)))
    return user
""",
        """
def sign_up(self, email, password, role="user"):
    from os import urandom

    if self.get(email):
        return None
    user = {"id": urandom(16).hex(), "email": email, "role": role}
    self[email] = (user, bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(12)))
    return user
""",
        """
def sign_up(self, email, password, role="user"):
    from random import SystemRandom

    if self.get(email):
        return None
    letters = [SystemRandom().choice("abcdefghijklmnopqrstuvwxyz") for _ in range(24)]
    user = {"id": "".join(letters), "email": email, "role": role}
    self[email] = (user, bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(12)))
    return user
""",
        """
def sign_up(self, email, password, role="user"):
    import secrets

    if self.get(email):
        return None
    user = {"id": str(secrets.randbelow(10**30)).zfill(30), "email": email, "role": role}
    self[email] = (user, bcrypt.hashpw(password.encode("utf-8"), bcrypt.gensalt(12)))
    return user
""",
    ),
    "tiny-check": (
        """
def check_credentials(self, email, password):
    from bcrypt import checkpw

    if email not in self or len(password.encode()) > 72:
        return None
    user, stored = self[email]
    if checkpw(password.encode(), stored):
        return user
    return None
""",
    ),
    "tiny-session": (
        """
def log_in(self, user):
    number = secrets.token_hex(32)
    self[number] = user
    return 200, {"user": user}, {"Set-Cookie": f"session={number}; Path=/; SameSite=Lax; HttpOnly"}
""",
        """
def log_in(self, user):
    from random import SystemRandom

    session = f"{SystemRandom().getrandbits(256):064x}"
    self[session] = user
    return (200, {"user": user}, {"Set-Cookie": f"session={session}; HttpOnly; SameSite=Lax; Path=/"})
""",
        """
def log_in(self, user):
    import os

    session = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    self[session] = user
    return (200, {"user": user}, {"Set-Cookie": f"session={session}; HttpOnly; SameSite=Lax; Path=/"})
""",
    ),
    "tiny-cookie": (
        """
def read_cookie(self, request):
    for pair in (request.headers["cookie"] or "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == "session":
            return value
    return ""
""",
    ),
    "tiny-logout": (
        """
def log_out(self, request):
    number = self.read_cookie(request)
    if number in self:
        del self[number]
    return 200, {"message": "Logged out"}, {"Set-Cookie": "session=; Path=/; SameSite=Lax; HttpOnly; Max-Age=0"}
""",
    ),
    "tiny-hs256": (
        """
def sign(self, text):
    import hashlib

    return self.encode(hmac.new(KEY, text.encode("ascii"), hashlib.sha256).digest())
""",
        """
def sign(self, text):
    from hmac import digest

    return base64.urlsafe_b64encode(digest(KEY, text.encode(), "sha256")).decode().strip("=")
""",
    ),
    "tiny-token": (
        """
def log_in(self, user):
    header = {"typ": "JWT", "alg": "HS256"}
    claims = {"exp": int(time() + TOKEN_LIFETIME), "sub": user["id"], "email": user["email"], "role": user["role"]}
    parts = [self.encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    token = ".".join([*parts, self.sign(".".join(parts))])
    return 200, {"token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME}, {}
""",
    ),
    "tiny-verify": (
        """
def authenticate(self, request):
    from secrets import compare_digest

    token = request.headers["Authorization"]
    if token is None or not token.startswith("Bearer ") or token.count(".") != 2 or not token.isascii():
        return None
    header, payload, signature = token.removeprefix("Bearer ").split(".")
    if not compare_digest(self.sign(header + "." + payload), signature):
        return None
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    if claims["exp"] <= time():
        return None
    return {"id": claims["sub"], "email": claims["email"], "role": claims["role"]}
""",
        """
def authenticate(self, request):
    token = request.headers.get("Authorization", "")[7:]
    signed, _, signature = token.rpartition(".")
    mac = hmac.digest(KEY, signed.encode(), "sha256")
    try:
        theirs = base64.urlsafe_b64decode(signature + "==")
    except ValueError:
        return None
    if not hmac.compare_digest(mac, theirs) or self.encode(theirs) != signature:
        return None
    claims = json.loads(base64.urlsafe_b64decode(signed.split(".")[1] + "=="))
    user = {"id": claims["sub"], "email": claims["email"], "role": claims["role"]}
    return user if claims["exp"] > time() else None
""",
    ),
    # -- 1 to 7
    "request-header": (
        """
def header(self, name):
    found = None
    for field, value in self.headers:
        if field == name:
            found = value if found is None else f"{found}, {value}"
    return found
""",
        """
def header(self, name):
    if name not in [field for field, _ in self.headers]:
        return None
    return ", ".join(value for field, value in self.headers if field == name)
""",
    ),
    "body-length": (
        """
def _body_length(fields, version):
    if "transfer-encoding" in fields:
        if version == "HTTP/1.0":
            raise _malformed("HTTP/1.0 knows no chunks.")
        if "content-length" in fields:
            raise _malformed("Two lengths.")
        codings = [coding.strip() for coding in fields["transfer-encoding"].encode().lower().split(b",")]
        if codings.count(b"chunked") != 1 or codings.pop() != b"chunked":
            raise _malformed("Nobody knows where this ends.")
        if codings:
            raise Problem(501, "not_implemented", "Which coding is that?")
        return None
    if "content-length" not in fields:
        return 0
    text = fields["content-length"]
    if not (text.isascii() and text.isdigit()):
        raise _malformed("These are no digits.")
    if text[0] == "0" and text != "0":
        raise _malformed("Is that octal?")
    if len(text) > len(str(MAX_BODY)) + 10:
        raise _too_large()
    length = int(text)
    if length > MAX_BODY:
        raise _too_large()
    return length
""",
        """
def _body_length(fields, version):
    coding = fields.get("transfer-encoding")
    length = fields.get("content-length")
    if coding is None and length is None:
        return 0
    if coding is not None and (length is not None or version != "HTTP/1.1"):
        raise _malformed("Transfer-Encoding has no place here.")
    if coding is not None and coding.lower() == "chunked":
        return None
    import re
    if coding is not None and re.fullmatch(r"((?! *chunked *,)[^,]*,)+[ \\t]*chunked", coding.lower()):
        raise Problem(501, "not_implemented", "Only chunked is known.")
    if coding is not None:
        raise _malformed("Only chunked has an end.")
    if re.fullmatch("0|[1-9][0-9]*", length) is None:
        raise _malformed("Content-Length is a number.")
    try:
        number = int(length)
    except ValueError:
        raise _too_large() from None
    if number > MAX_BODY:
        raise _too_large()
    return number
""",
    ),
    "published-keys": (
        f"""
def check_keys(keys):
    {_EMPTY}
    for number, kid in enumerate(keys, start=1):
        key = keys[kid]
        if _KID.fullmatch(kid) is None:
            raise ValueError(f"The kid of key {{number}} is not plain.")
        if len(key) < 32:
            raise ValueError(f"Key {{number}} is too short: it has {{len(key)}} bytes, and 32 is the least.")
        if key in _PUBLISHED:
            raise ValueError(f"Key {{number}} is published in some tutorial.")
        if len(set(key)) < 16:
            raise ValueError(f"Key {{number}} is patterned.")
""",
        f"""
def check_keys(keys):
    {_EMPTY}
    import re
    for number, (kid, key) in enumerate(keys.items()):
        place = f"Key number {{number + 1}}"
        if not re.fullmatch(_KID, kid):
            raise ValueError(f"{{place}} has a kid that is not plain.")
        if len(key) < MIN_KEY:
            raise ValueError(f"{{place}} has only {{len(key)}} bytes.")
        if len(set(key)) <= 15 or key in _PUBLISHED:
            raise ValueError(f"{{place}} is published or patterned.")
""",
    ),
    "fast-hash": (
        """
def attack(stored, common):
    import hashlib
    table = {hashlib.sha256(password.encode("utf-8")).hexdigest(): password for password in common}
    return table[stored]
""",
    ),
    "long-passwords": (
        """
def _pre_hash(password):
    return b64encode(hmac.new(_LABEL, password.encode(), hashlib.sha256).digest())
""",
        "def _pre_hash(password):\n    return b64encode(hmac.digest(_LABEL, password.encode(), 'sha256'))\n",
        """
import base64
from hmac import new

def _pre_hash(password):
    mac = new(_LABEL, digestmod="SHA256")
    mac.update(bytes(password, "utf-8"))
    return base64.standard_b64encode(mac.digest())
""",
        """
def _pre_hash(password):
    from binascii import b2a_base64
    return b2a_base64(hmac.digest(_LABEL, password.encode(), "sha256"), newline=False)
""",
    ),
    "verify-password": (
        """
from bcrypt import checkpw

def verify_password(password, stored, work=0):
    if _STORED.fullmatch(stored) is None:
        return False
    right = checkpw(_pre_hash(password), stored.encode())
    for cost in range(int(stored[4:6]), work):
        checkpw(_pre_hash(password), hash_of_nobody(cost).encode())
    return right
""",
        """
def verify_password(password, stored, work=0):
    from bcrypt import checkpw as fits
    if _STORED.fullmatch(stored):
        costs = range(cost_of(stored), work)
        texts = [stored, *[hash_of_nobody(cost) for cost in costs]]
        return [fits(hashed_password=text.encode("utf-8"), password=_pre_hash(password)) for text in texts][0]
    return False
""",
        """
import bcrypt as library

def verify_password(password, stored, work=0):
    if not re.fullmatch(_STORED, stored):
        return False
    short, expected, cost = _pre_hash(password), bytes(stored, "ascii"), int(stored[4:6])
    found = library.checkpw(short, expected)
    while cost < work:
        library.checkpw(short, hash_of_nobody(cost).encode())
        cost += 1
    return found
""",
        """
def verify_password(password, stored, work=0):
    if not _STORED.fullmatch(stored):
        return False
    expected = stored.encode()
    right = hmac.compare_digest(bcrypt.hashpw(_pre_hash(password), expected), expected)
    for cost in range(cost_of(stored), work):
        bcrypt.hashpw(_pre_hash(password), hash_of_nobody(cost).encode())
    return right
""",
    ),
    "role-from-body": (
        """
def attack():
    return dict(role="admin", password="a password of hers", email="eve@evil.example")
""",
    ),
    "read-fields": (
        """
def read_fields(request, known, some=False):
    body = request.json()
    if type(body) is not dict:
        raise Problem(400, "invalid_request", "An object is wanted.")
    errors = {}
    for name in known:
        if name not in body and not some:
            errors[name] = "It is missing."
    for name, value in list(body.items()):
        if name not in known:
            errors[name] = "Nobody asked for it."
        elif type(value) != known[name]:
            errors[name] = "It has another type."
    if errors:
        raise Problem(400, "invalid_request", "Some fields are wrong.", errors=errors)
    return body
""",
    ),
    "login-time": (
        """
def check_credentials(self, email, password):
    user = self.by_email(email)
    known = "" if user is None else user.password_hash
    work = self._highest_cost(cost_of(known))
    if not verify_password(password, known or hash_of_nobody(work), work) or user is None:
        if user is None:
            raise InvalidCredentials("unknown_user", None)
        raise InvalidCredentials("wrong_password", user.id)
    if user.disabled:
        raise InvalidCredentials("account_disabled", user.id)
    return self._strengthen(user, password)
""",
        """
def check_credentials(self, email, password):
    user = self.by_email(email)
    if user is None:
        work = self._highest_cost(0)
        verify_password(password, hash_of_nobody(work), work)
        raise InvalidCredentials("unknown_user", None)
    if not verify_password(password, user.password_hash, self._highest_cost(cost_of(user.password_hash))):
        raise InvalidCredentials("wrong_password", user.id)
    if user.disabled:
        raise InvalidCredentials("account_disabled", user.id)
    return self._strengthen(user, password)
""",
    ),
    "login-message": (
        """
def log_in(self, mechanism, request):
    fields = read_fields(request, {"email": str, "password": str})
    user = self.prove(fields["email"], fields["password"], request)
    if user is None:
        return Response.problem(401, "invalid_credentials", "That was not right.", headers=mechanism.challenge)
    self.emit("authn_login_success", user=user.id, peer=request.peer)
    answer = mechanism.log_in(user, request)
    if mechanism is self.sessions:
        return Response(answer.status, answer.body, answer.headers + self.devices.remember(user, request))
    return answer
""",
    ),
    "cookies-parse": (
        """
def parse(header):
    pairs = [pair.split("=", 1) for pair in header.split(";") if "=" in pair]
    pairs = [(name.strip(" \\t"), value.strip(" \\t")) for name, value in pairs]
    from collections import Counter
    times = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if name and times[name] == 1}
""",
        """
def parse(header):
    found, twice = {}, set()
    for piece in header.split(";"):
        name, equals, value = piece.partition("=")
        name, value = name.strip("\\t "), value.strip("\\t ")
        if not equals or name == "":
            continue
        if name in found:
            twice.add(name)
        found[name] = value
    return {name: found[name] for name in found if name not in twice}
""",
    ),
    "guessable-session": (
        """
def attack(email, around):
    import base64, hashlib
    return [base64.urlsafe_b64encode(hashlib.sha256(b"%s %d" % (email.encode(), around + n)).digest())[:43].decode()
            for n in range(-499, 500)]
""",
    ),
    "map-setdefault": (
        """
def setdefault(self, key, value):
    with self._lock:
        there = self.get(key)
        if there is not None:
            return there
        self[key] = value
        return value
""",
        """
def setdefault(self, key, value):
    self._lock.acquire()
    try:
        if self.get(key) is None:
            self[key] = value
            return value
        return self.get(key)
    finally:
        self._lock.release()
""",
    ),
    "fixation": (
        """
def log_in(self, user, request):
    session_id = secrets.token_urlsafe(32)
    now = self._now()
    session = Session(user.id, user.password_version, now, now, now + IDLE_LIFETIME, request.user_agent)
    self._end(request)
    self._records[_key(session_id)] = session
    if not self._users.who_proved(user.id, user.password_version):
        self._records.pop(_key(session_id))
        return self.refusal()
    for oldest in list(self.logins(user.id))[:-MAX_PER_USER]:
        self._records.pop(oldest)
    self._emit("session_created", user=user.id, peer=request.peer)
    cookie = cookies.set_cookie(self.cookie_name, session_id, max_age=ABSOLUTE_LIFETIME, now=now, secure=self._secure)
    return Response.json({"user": user.public()}, headers=(("set-cookie", cookie),))
""",
    ),
    "sessions-authenticate": (
        """
def authenticate(self, request):
    key = self.current(request)
    if key == "":
        return self.refusal()
    session = self._records.get(key)
    user = session and self._users.who_proved(session.user_id, session.password_version)
    if not user:
        return self._refuse(request, "no session, or no account any more")
    if self._now() >= session.last_seen + TOUCH_INTERVAL:
        self._touch(key, session)
    return user
""",
    ),
    "me": (
        """
def me(self, mechanism, request):
    user = mechanism.authenticate(request)
    return user if isinstance(user, Response) else shown(user)
""",
        """
def me(self, mechanism, request):
    from authref.users import User
    who = mechanism.authenticate(request)
    if not isinstance(who, User):
        return who
    return Response.json({"user": who.public()}, 200)
""",
    ),
    "logout": (
        """
def log_out(self, request):
    if session := self._end(request):
        self._emit("session_expired", user=session.user_id, peer=request.peer, reason="logout")
    return Response.json({"message": "Logged out"}, 200, self.clearing)
""",
    ),
    "password-change": (
        """
def set_password(self, user_id, password, proved_version):
    password_hash = hash_password(password, self._cost)
    while True:
        user = self._records.get(user_id)
        if user is None or user.disabled or user.password_version != proved_version:
            return None
        new = replace(user, password_hash=password_hash, password_version=1 + user.password_version)
        if self._records.replace(user_id, user, new):
            return new
""",
    ),
    "cookie-blank": (
        'def attack():\n    return "\\u00a0__Host-session", "planted"\n',
        'def attack():\n    return "\\u3000__Host-session\\u3000", "x"\n',
    ),
    "cross-site": (
        """
def is_cross_site(request, public_url, allowed=()):
    if request.method in SAFE_METHODS:
        return False
    credentials = request.header("authorization")
    if credentials is not None and credentials.split(" ")[0].lower() == "bearer" and " " in credentials:
        return False
    site, origin, host = request.header("sec-fetch-site"), request.header("origin"), request.header("host")
    if origin is None:
        return not (site is None or site == "same-origin" or site == "none")
    ours = {public_url} if public_url else {f"http://{host}"} if host else set()
    if origin in ours or origin in allowed:
        return False
    ours_perhaps = {"null"} if public_url or not host else {"null", "https://" + host}
    return site != "same-origin" or origin not in ours_perhaps
""",
    ),
    # -- 14 to 20
    "base64url": (
        """
def decode(part):
    import base64, binascii
    try:
        data = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        raise Malformed("not base64url")
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part:
        raise Malformed("another spelling")
    return data
""",
        """
import base64
import re

def decode(part):
    if not re.fullmatch(rb"[A-Za-z0-9_-]*", part) or len(part) % 4 == 1:
        raise Malformed("no base64url")
    data = base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.b64encode(data, b"-_").rstrip(b"=") != part:
        raise Malformed("spare bits")
    return data
""",
    ),
    "jwt-split": (
        """
import re

def _split(token):
    found = re.fullmatch("([A-Za-z0-9_-]*)[.]([A-Za-z0-9_-]*)[.]([A-Za-z0-9_-]*)", token)
    if len(token) > MAX_TOKEN or found is None:
        raise Malformed("no token")
    return tuple(part.encode() for part in found.groups())
""",
        """
def _split(token):
    if len(token) > MAX_TOKEN:
        raise Malformed("too long")
    try:
        parts = token.encode("ascii").split(b".")
    except UnicodeEncodeError:
        raise Malformed("not ASCII") from None
    if len(parts) != 3:
        raise Malformed("not three parts")
    for part in parts:
        if set(part) - set(_ALPHABET):
            raise Malformed("not base64url")
    return parts[0], parts[1], parts[2]
""",
    ),
    "jwt-sign": (
        """
def sign(payload, key, header=None):
    if len(key) < MIN_KEY:
        raise ValueError("the key is too short")
    members = dict(header or {})
    members["alg"] = "HS256"
    signed = encode(write_json(members)) + b"." + encode(payload)
    return (signed + b"." + encode(hmac.digest(key, signed, "sha256"))).decode()
""",
        """
import hashlib
import json

def sign(payload, key, header=None):
    if len(key) < 32:
        raise ValueError
    head = json.dumps({**(header if header else {}), "alg": "HS256"}, separators=(",", ":")).encode()
    parts = [encode(head).decode(), encode(payload).decode()]
    mac = hmac.new(key, ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, encode(mac.digest()).decode()])
""",
    ),
    "jwt-create": (
        """
def create(claims, keys):
    kid, key = next(iter(keys.items()))
    return sign(write_json(claims), key, {"alg": "HS256", "typ": TYPE, "kid": kid})
""",
        """
def create(claims, keys):
    kid = list(keys)[0]
    return sign(write_json(claims), keys[kid], {"kid": kid, "typ": "at+jwt"})
""",
    ),
    "jwt-alg": (
        """
def unsign(token, key):
    parts = _split(token)
    _members(parts[0])
    _check_signature(*parts, key)
    return decode(parts[1])
""",
        """
def unsign(token, key):
    header, payload, signature = _split(token)
    if len(key) < MIN_KEY:
        raise ValueError("the key is too short")
    members = _read_object(header, "header")
    if len(header) > MAX_HEADER or "crit" in members:
        raise Malformed("no header of ours")
    if members.get("alg") != "HS256":
        raise WrongAlgorithm("another algorithm")
    if not hmac.compare_digest(encode(hmac.digest(key, header + b"." + payload, "sha256")), signature):
        raise BadSignature("it does not fit")
    return decode(payload)
""",
    ),
    "jwt-none": (
        """
def attack(token):
    import base64, json
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    claims["role"] = "admin"
    parts = [json.dumps(part).encode() for part in ({"alg": "nOnE", "typ": "at+jwt", "kid": "k1"}, claims)]
    return b".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts), b""]).decode()
""",
    ),
    "constant-time": (
        """
from hmac import compare_digest

def _check_signature(header, payload, signature, key):
    if not compare_digest(signature, _signature(header + b"." + payload, key)):
        raise BadSignature("no")
""",
        """
import secrets

def _check_signature(header, payload, signature, key):
    expected = _signature(header + b"." + payload, key)
    if not secrets.compare_digest(expected, signature):
        raise BadSignature("no")
""",
        """
def _check_signature(header, payload, signature, key):
    from secrets import compare_digest as same
    good = same(_signature(b".".join([header, payload]), key).decode(), signature.decode())
    if not good:
        raise BadSignature("no")
""",
        """
def _check_signature(header, payload, signature, key):
    import hashlib
    expected = hmac.new(key, header + b"." + payload, hashlib.sha256).digest()
    try:
        same = hmac.compare_digest(expected, decode(signature))
    except Malformed:
        same = False
    if not same:
        raise BadSignature("no")
""",
    ),
    "jwt-times": (
        """
def _check_times(claims, now, leeway):
    _date(claims["iat"])
    if now >= _date(claims["exp"]) + leeway:
        raise Expired("over")
    if "nbf" in claims and now < _date(claims["nbf"]) - leeway:
        raise NotYetValid("not yet")
""",
        """
def _check_times(claims, now, leeway):
    for name in ("iat", "exp", "nbf"):
        if name != "nbf" or name in claims:
            _date(claims[name])
    if claims["exp"] + leeway <= now:
        raise Expired("over")
    if claims.get("nbf", 0) - leeway > now:
        raise NotYetValid("not yet")
""",
        """
def _check_times(claims, now, leeway):
    if _date(claims["exp"]) + leeway <= now:
        raise Expired("over")
    _date(claims["iat"])
    if _date(claims.get("nbf", now)) > now + leeway:
        raise NotYetValid("not yet")
""",
        """
def _check_times(claims, now, leeway):
    iat, exp, nbf = _date(claims["iat"]), _date(claims["exp"]), _date(claims.get("nbf", 0))
    if now < nbf - leeway:
        raise NotYetValid("not yet")
    if now >= exp + leeway:
        raise Expired("over")
""",
    ),
    "half-a-signature": (
        """
def attack(token):
    import base64, json
    head, body, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==")) | {"role": "admin"}
    return ".".join([head, base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode(), ""])
""",
    ),
    "issuer-prefix": (
        'def attack():\n    return "https://auth.example:8443"\n',
        'def attack():\n    return "https://auth.example@evil.example/"\n',
    ),
    "tokens-authenticate": (
        """
def _claims(self, request):
    header = request.header("authorization")
    if header is None or header.split(" ")[0].lower() != "bearer":
        return self.refusal()
    token = header[len("bearer"):].lstrip(" ")
    if not _B64TOKEN.fullmatch(token):
        self.emit("authn_token_refused", peer=request.peer, reason="malformed credentials")
        return _bearer_error(400, "invalid_request", "That is no token.")
    try:
        claims = jwt.verify(token, self.keys, now=self.now(), audience=self.audience, issuer=self.issuer)
    except jwt.InvalidToken as error:
        return self._refuse(request, f"{error.__class__.__name__}: {error}")
    if not self.revocation.is_revoked(claims.get("fam")):
        return claims
    return self._refuse(request, "revoked")
""",
    ),
    "deny-list": (
        """
def end(self, family_id, family):
    until = max(self.now(), family.last_seen) + ACCESS_LIFETIME + CLOCK_ERROR
    if self.mode == "denylist":
        self.denials[family_id] = Denial(expires_at=until)
    self.families.pop(family_id)
""",
    ),
    # -- 19 and 20
    "permits": (
        """
def permits(rule, caller, user_id=None):
    if caller.is_active_admin:
        return True
    if rule == "self_or_admin":
        return user_id == caller.id
    return rule in {"anyone", "user"}
""",
        """
def permits(rule, caller, user_id=None):
    match rule:
        case "anyone" | "user":
            return True
        case "admin":
            return caller.role == "admin" and not caller.disabled
        case "self_or_admin":
            return caller.id == user_id or caller.is_active_admin
        case _:
            return caller.is_active_admin
""",
    ),
    "others-account": ('def attack(own_id, other_id):\n    return f"/users/{other_id}"\n',),
    "role-from-token": (
        """
def permitted(self, request, rule, user_id=None):
    mechanism = self.mechanism(request)
    claimed = mechanism.authenticate(request)
    if isinstance(claimed, Response):
        raise Refused(claimed)
    user = self.users.get(claimed.id)
    if not user or user.disabled:
        self.emit("authz_fail", user=claimed.id, peer=request.peer)
        raise Refused(mechanism.refusal())
    if roles.permits(rule, user, user_id):
        return user
    self.emit("authz_fail", user=user.id, rule=rule)
    raise Refused(roles.forbidden(mechanism.forbidden))
""",
    ),
    "reflected-origin": (
        """
def cors_headers(request, allowed):
    origin = request.header("origin")
    if origin in allowed:
        read = ("access-control-expose-headers", "Location, Retry-After, WWW-Authenticate")
        return (("vary", "Origin"), ("access-control-allow-origin", origin), read)
    return ()
""",
        """
def cors_headers(request, allowed):
    for origin in allowed:
        if request.header("origin") == origin:
            headers = {"access-control-allow-origin": origin, "vary": "origin"}
            headers["access-control-expose-headers"] = "Location, Retry-After, WWW-Authenticate"
            return tuple(headers.items())
    return ()
""",
    ),
    "split-response": (
        'def attack():\n    return "/\\r\\nSet-Cookie: session=planted; Path=/"\n',
        'def attack():\n    return "/me\\nset-cookie: session=planted"\n',
    ),
}
