"""What do the others' own documentations say of what gets through them? A sentence for each attack.

Each was checked by hand with its honest twin. What no documentation tells is *not shown*: it is not for us to publish.
"""

SAID = {
    "address-in-capitals": "Passport leaves accounts to the application; the tutorial compares names byte by byte.",
    "address-that-looks-alike": (
        "Passport leaves accounts to the application. fastapi-users takes international addresses, as its validator "
        "(email-validator, `allow_smtputf8`) says."
    ),
    "common-password": (
        "What a password must be is the application's: fastapi-users `validate_password`, better-auth "
        "`minPasswordLength` and its plugin Have I Been Pwned; Passport has no part in it."
    ),
    "password-is-the-address": "As common-password.",
    "short-password": "As common-password. Without `validate_password` fastapi-users takes any, the empty one too.",
    "guessing": (
        "None of these libraries counts failures, nor says so: Django's page on security names throttling as what is "
        "not there. better-auth limits logins in production alone, to three in ten seconds for an address "
        "(*Rate Limit*): there these rows were played."
    ),
    "spraying": (
        "As guessing. better-auth takes the address from `X-Forwarded-For` unless `ipAddressHeaders` names another "
        "field (*Rate Limit*): behind no proxy, whoever asks writes it."
    ),
    "sign-up-tells": (
        "fastapi-users documents `REGISTER_USER_ALREADY_EXISTS`; better-auth hides it where `requireEmailVerification` "
        "is on; the tutorial of Passport leaves the error of its database."
    ),
    "field-twice": "The last one counts, as Python's `json` and `JSON.parse` document; RFC 8259 section 4.",
    "body-in-utf-16": "Python's `json.loads` documents that bytes may be UTF-16 or UTF-32; Flask and Starlette use it.",
    "fixation": (
        "The README of @fastify/session shows a login that keeps the id, and documents `request.session.regenerate()`: "
        "it is the application's to call."
    ),
    "cookie-for-other-sites": (
        "No SameSite unless it is set: Flask `SESSION_COOKIE_SAMESITE`, express-session and @fastify/session "
        "`cookie.sameSite`. Some browsers take none for Lax."
    ),
    "cookie-twice": (
        "RFC 6265 section 4.2.2 lets the order of cookies of one name mean nothing, and each takes one of them. "
        "A name that begins with `__Host-` stops it, and is a setting of each."
    ),
    "logout-that-only-clears": (
        "The whole session is in the cookie, signed (Flask's *Sessions*, Starlette's *SessionMiddleware*): a copy is "
        "good until it ends. A store on the server is an extension's."
    ),
    "logout-by-get": "The README of Flask-Login shows a logout for any method; the method is the application's.",
    "old-id-after-a-new-login": (
        "Cookies that hold the session: as logout-that-only-clears. better-auth: a session ends when it expires or is "
        "revoked (*Session Management*). @fastify/session: as fixation."
    ),
    "session-after-password-change": "better-auth: `revokeOtherSessions` of `changePassword` is off unless asked for.",
    "private-answer-kept": "`Cache-Control` is the application's; Django has `never_cache` for it.",
    "published-secret": "The key is the example's own; each page says that it must be changed.",
    "another-algorithm": "@fastify/jwt takes all algorithms that fit the key unless `verify.algorithms` names them.",
    "token-of-another-type": (
        "The tokens of @fastify/jwt hold what the application puts in: to name what they are for is its part."
    ),
    "token-without-an-end": (
        "Only who has the key can write one. A lifetime may be turned off (`JWT_ACCESS_TOKEN_EXPIRES`, "
        "`lifetime_seconds`), and `exp` is then asked of no token."
    ),
    "token-for-somebody-else": (
        "Only who has the key can write one. `aud` is compared where it is set: `JWT_DECODE_AUDIENCE`, simplejwt "
        "`AUDIENCE`, @fastify/jwt `verify.allowedAud`."
    ),
    "claim-twice": "RFC 7519 section 4 lets the last one count; only who has the key can write one.",
    "two-credentials": "Node documents that of two `Authorization` lines the second is discarded.",
    "token-for-a-year": "@fastify/jwt sets no end unless `expiresIn` is given.",
    "token-after-logout": (
        "fastapi-users documents that a JWT cannot be ended before its time; its database strategy "
        "can."
    ),
    "refresh-without-rotation": (
        "A refresh token is good until it ends: simplejwt `ROTATE_REFRESH_TOKENS` and `BLACKLIST_AFTER_ROTATION` are "
        "off; Flask-JWT-Extended shows a blocklist on its page on revoking."
    ),
    "refresh-reuse-at-once": "As refresh-without-rotation.",
    "form-of-another-site": (
        "Against requests of other sites Flask names Flask-WTF, Express csurf's successors; "
        "Starlette has no middleware "
        "for it. Played is the login itself."
    ),
    "origin-null": "As form-of-another-site.",
    "origin-that-looks-alike": "As form-of-another-site.",
    "fetch-site-says-so": "As form-of-another-site.",
    "logout-of-another-site": "As form-of-another-site; a cookie with SameSite does not help against a neighbour.",
    "json-by-a-form": "`request.json()` of Starlette looks at no type, and its documentation names none.",
    "frame": "Headers are the application's: Flask's *Security Considerations*, Express' *Best practices* (Helmet).",
    "guessed-type": "As frame.",
    "embedded-answer": "As frame. None of them sends Cross-Origin-Resource-Policy by itself.",
    "rebinding": (
        "`Host` is compared where names are given: Flask `TRUSTED_HOSTS`, Starlette `TrustedHostMiddleware`, Django "
        "`ALLOWED_HOSTS`; with Node it is a proxy's. It matters on loopback and without a proxy."
    ),
    "two-hosts": "Node documents that of two `Host` lines the second is discarded.",
    "folded-line": "RFC 9112 section 5.2 lets a server join such lines; h11, under uvicorn, does.",
    "bare-line-end": "RFC 9112 section 2.2 lets a server take LF for a line end; h11, under uvicorn, does.",
    "huge-head": "uvicorn: `--h11-max-incomplete-event-size` bounds what comes in pieces; fields are not counted.",
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
