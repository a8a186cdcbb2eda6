"""What do the others' own documentations say of what gets through them? A sentence for each attack.

Each cell of the table that says *through* was tried by hand, too. What no documentation tells is *not shown*: it is
not for us to publish.
"""

SAID = {
    "address-in-capitals": "Passport leaves accounts to the application; the tutorial compares names byte by byte.",
    "address-that-looks-alike": (
        "Passport leaves accounts to the application. fastapi-users takes international addresses, as its "
        "validator (email-validator, `allow_smtputf8`) says."
    ),
    "common-password": (
        "What a password must be is the application's: fastapi-users `validate_password`, better-auth "
        "`minPasswordLength` and its plugin Have I Been Pwned; Passport has no part in it."
    ),
    "password-is-the-address": "As common-password.",
    "short-password": (
        "As common-password. Without `validate_password` fastapi-users takes any at sign-up. Its login refuses "
        "the empty one, and so does passport-local's."
    ),
    "guessing": (
        "None of these libraries counts failed logins; Django's page on security says so. better-auth limits "
        "logins in production only, to three in ten seconds from one address (*Rate Limit*); these two rows were "
        "played there."
    ),
    "spraying": (
        "As guessing. better-auth takes the address from `X-Forwarded-For` unless `ipAddressHeaders` names "
        "another header (*Rate Limit*). Without a proxy in front of it, whoever asks writes that header."
    ),
    "sign-up-tells": (
        "fastapi-users documents `REGISTER_USER_ALREADY_EXISTS`. better-auth hides it where "
        "`requireEmailVerification` is on. In Passport's tutorial the database's error tells it."
    ),
    "field-twice": (
        "The last one counts, as Python's `json` and JavaScript's `JSON.parse` document; RFC 8259 section 4 allows it."
    ),
    "body-in-utf-16": "Python's `json.loads` documents that bytes may be UTF-16 or UTF-32; Flask and Starlette use it.",
    "fixation": (
        "The README of @fastify/session shows a login that keeps the id, and documents "
        "`request.session.regenerate()`: it is the application's to call."
    ),
    "cookie-for-other-sites": (
        "No SameSite unless it is set: Flask `SESSION_COOKIE_SAMESITE`, express-session and @fastify/session "
        "`cookie.sameSite`. Some browsers then take it for Lax."
    ),
    "cookie-twice": (
        "RFC 6265 section 4.2.2 gives the order of cookies with one name no meaning; each server takes one of "
        "them. A name that begins with `__Host-` stops it, and each of them can set one."
    ),
    "logout-that-only-clears": (
        "The whole session is in the signed cookie (Flask's *Sessions*, Starlette's *SessionMiddleware*): a copy "
        "is good until it expires. To keep sessions on the server is the part of an extension."
    ),
    "logout-by-get": "The README of Flask-Login shows a logout for any method; the method is the application's.",
    "old-id-after-a-new-login": (
        "Cookies that hold the session: as logout-that-only-clears. better-auth: a session ends when it expires "
        "or is revoked (*Session Management*). @fastify/session: as fixation."
    ),
    "session-after-password-change": "better-auth: `revokeOtherSessions` of `changePassword` is off unless asked for.",
    "private-answer-kept": "`Cache-Control` is the application's; Django has `never_cache` for it.",
    "published-secret": "The key is the example's own; each page says that it must be changed.",
    "another-algorithm": "@fastify/jwt takes all algorithms that fit the key unless `verify.algorithms` names them.",
    "token-of-another-type": (
        "Tokens of @fastify/jwt hold what the application puts in; to say what they are for is its part."
    ),
    "token-without-an-end": (
        "Only somebody with the key can make one. Where a lifetime may be turned off (`JWT_ACCESS_TOKEN_EXPIRES`, "
        "`lifetime_seconds`), no token must have an `exp`. @fastify/jwt: as token-for-a-year."
    ),
    "token-for-somebody-else": (
        "Only somebody with the key can make one. `aud` is compared where it is set: `JWT_DECODE_AUDIENCE`, "
        "simplejwt `AUDIENCE`, @fastify/jwt `verify.allowedAud`."
    ),
    "claim-twice": "RFC 7519 section 4 lets the last one count; only somebody with the key can make one.",
    "two-credentials": "Node documents that it drops the second of two `Authorization` headers.",
    "token-for-a-year": "@fastify/jwt sets no end unless `expiresIn` is given.",
    "token-after-logout": "fastapi-users documents that a JWT cannot be ended early; its database strategy can do it.",
    "refresh-without-rotation": (
        "A refresh token is good until it ends: simplejwt `ROTATE_REFRESH_TOKENS` and `BLACKLIST_AFTER_ROTATION` "
        "are off; Flask-JWT-Extended shows a blocklist on its page on revoking."
    ),
    "refresh-reuse-at-once": "As refresh-without-rotation.",
    "form-of-another-site": (
        "Against requests of other sites Flask names Flask-WTF, and Express leaves it to packages. Starlette has "
        "no middleware for it. What was played is the login itself."
    ),
    "origin-null": "As form-of-another-site.",
    "origin-that-looks-alike": "As form-of-another-site.",
    "fetch-site-says-so": "As form-of-another-site.",
    "logout-of-another-site": "As form-of-another-site; SameSite does not help against a neighbouring host.",
    "json-by-a-form": "`request.json()` of Starlette looks at no type, and its documentation names none.",
    "frame": "Headers are the application's: Flask's *Security Considerations*, Express' *Best practices* (Helmet).",
    "guessed-type": "As frame.",
    "embedded-answer": "As frame. None of them sends Cross-Origin-Resource-Policy by itself.",
    "rebinding": (
        "`Host` is compared where names are given: Flask `TRUSTED_HOSTS`, Starlette `TrustedHostMiddleware`, "
        "Django `ALLOWED_HOSTS`. With Node it is a proxy's part. It matters on loopback and without a proxy."
    ),
    "two-hosts": "Node documents that it drops the second of two `Host` headers.",
    "folded-line": "RFC 9112 section 5.2 lets a server join such lines; h11, under uvicorn, does.",
    "bare-line-end": "RFC 9112 section 2.2 lets a server take LF for a line end; h11, under uvicorn, does.",
    "huge-head": "uvicorn bounds what comes in pieces (`--h11-max-incomplete-event-size`), and counts no headers.",
    "huge-body": "No limit unless set: Flask `MAX_CONTENT_LENGTH`; Starlette leaves it to the server or a proxy.",
}

NOT_SHOWN = {
    *((server, "blank-that-is-none") for server in ("django+simplejwt", "starlette", "better-auth")),
    *((server, "another-spelling") for server in ("flask-jwt-ext.", "django+simplejwt", "fastapi-users", "fastify")),
    *((server, "length-and-chunks") for server in ("fastapi-users", "starlette")),
    ("flask-jwt-ext.", "token-of-another-type"),
    ("fastapi-users", "two-credentials"),
    ("django+simplejwt", "old-id-after-a-new-login"),
    ("better-auth", "huge-body"),
}
