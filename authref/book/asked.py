"""What should a reader be able to answer now? Three questions at the end of each chapter; the answers stand in it."""

from __future__ import annotations

ASKED: dict[str, tuple[str, str, str]] = {
    "tiny.py": (
        "What does the server keep of a password, and what of a login by session and by token?",
        "Which line would you attack first if it used `==` to compare signatures?",
        "Name three things that this file does not do, and who would use that.",
    ),
    "wire.py": (
        "Why is a path not decoded here?",
        "What may a JSON body hold that two programs read differently?",
        "How could a header's value become another header, and where is that stopped?",
    ),
    "events.py": (
        "What must never stand in a log, whatever a client sends?",
        "How does one line stay one line when a client writes line ends?",
        "What happens when the same event comes two thousand times in a second?",
    ),
    "passwords.py": (
        "Why is a fast hash the wrong one for passwords?",
        "What happens to the 73rd byte of a password elsewhere, and why not here?",
        "Why does a failed login cost the same for a name that nobody has?",
    ),
    "maps.py": (
        "Which operations must nobody be able to look into, and why?",
        "Where does a map read when an entry ends, and whose it is?",
        "Two requests want to change one entry. How does the second one notice?",
    ),
    "users.py": (
        "Two people sign up with one address in the same moment. Who wins, and how?",
        "What does a login tell about an address that has no account?",
        "Why does a password have a version?",
    ),
    "cookies.py": (
        "What stops a script from reading this cookie, and what stops another site from using it?",
        "Which blanks may be taken away around a name, and which one must not?",
        "Our own name stands in the header twice. Why is neither believed?",
    ),
    "sessions.py": (
        "Why is the id kept under its hash?",
        "Why does a login make a new id, whatever came along?",
        "Which two ends does a session have, and what does each limit?",
    ),
    "jwt.py": (
        "In which order is a token checked, and why is the payload read so late?",
        "Why is `alg` compared with one constant instead of being looked up?",
        "What does the signature prove about the claims, and what does it not?",
    ),
    "keys.py": (
        "Why is there a ring and not one key?",
        "How is a key changed so that no token breaks?",
        "Which secrets are refused at the start?",
    ),
    "refresh.py": (
        "What shows that a refresh token was copied?",
        "Why may it be used again within a minute?",
        "Who can compute a successor, and who cannot?",
    ),
    "revocation.py": (
        "What does each of the three modes ask of the store?",
        "How long must an entry of the deny list be kept?",
        "Which way ends every token at once, and what does it break?",
    ),
    "tokens.py": (
        "What does the server look up for `GET /token/me`?",
        "What is left of a login after `log_out`, and for how long?",
        "Lay it beside sessions.py. Which lines are the same?",
    ),
    "roles.py": (
        "When is it 401, and when 403?",
        "Why is a role not read from the token?",
        "Why does a refusal come before a 404?",
    ),
    "admins.py": (
        "How could two admins remove each other, and nobody be left?",
        "What does one write of one record decide?",
        "A server dies in the middle of a change. Who finishes it?",
    ),
    "guards.py": (
        "Which two headers tell whose page made a request, and can a page forge them?",
        "Why does a bearer token pass the cross-site check?",
        "Which attack needs a Host that is not ours?",
    ),
    "throttle.py": (
        "How many guesses has a stranger in a day?",
        "Why can nobody keep an owner out by failing in their name?",
        "What happens when all places before the hash are taken?",
    ),
    "devices.py": (
        "What does a thief gain from this cookie?",
        "When does every browser become a stranger again?",
        "Why does a failed login leave it as it was?",
    ),
    "app/__init__.py": (
        "Where is it decided that a route does not exist?",
        "What does a client hear when something breaks inside, and what does the log hear?",
        "Which headers does every answer carry?",
    ),
    "serving/reader.py": (
        "Two lengths in one head. Why is it not enough to take the first?",
        "When is a body read at all?",
        "What ends a client that sends one byte a second?",
    ),
}
