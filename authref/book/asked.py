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
    "app/accounts.py": (
        "Which lines are of one mechanism only, and why?",
        "What could somebody do with the id of a login in their list?",
        "Which logins end with a new password, and which one goes on?",
    ),
    "app/routes.py": (
        "A request brings a bad token and a good cookie. What is the answer?",
        "What happens to a field that no route names?",
        "How does each protected handler begin?",
    ),
    "app/settings.py": (
        "What may be chosen, and what is a constant instead?",
        "When are settings checked, and what does a bad one do?",
        "From which setting does it follow that cookies are Secure?",
    ),
    "app/users.py": (
        "Why is it asked who may before it is asked what exists?",
        "Who may delete an account?",
        "Where else does the rule of each handler stand, and who compares the two?",
    ),
    "configuration.py": (
        "Why is no secret a flag?",
        "Which wins, a flag or its variable?",
        "When are browsers free to call us by any name?",
    ),
    "terminal.py": (
        "What does a user see of an error, and with which exit status?",
        "Why are the numbers 0, 1 and 2 taken before anything is opened?",
        "How does a command end when whoever read its answer has gone?",
    ),
    "cli.py": (
        "When is the code of a room loaded?",
        "What is said when the port is taken?",
        "Why does a server of two processes refuse the memory store?",
    ),
    "wsgi.py": (
        "Who has cut the bytes into a request, and why are they read again?",
        "What do several machines have to share?",
        "What happens where several processes share no store?",
    ),
    "serving/cores.py": (
        "Why would more threads than cores make a hash slower?",
        "How many cores has a container?",
        "What is assumed where a limit cannot be read?",
    ),
    "serving/proxies.py": (
        "Which hop of the header is the client, and why is it read from the right?",
        "What can a client write into that header itself?",
        "Why does what cannot be read not simply get skipped?",
    ),
    "serving/reader.py": (
        "Two lengths in one head. Why is it not enough to take the first?",
        "What does RFC 9112 allow that is refused here?",
        "Why does the connection close after a refusal?",
    ),
    "serving/server.py": (
        "What ends a client that sends one byte a second?",
        "All places are taken, and one more client comes. Who goes?",
        "Which work is never done by the thread that serves everybody?",
    ),
    "serving/workers.py": (
        "Why does a second thread not help, where a second process does?",
        "What must not be forked along?",
        "How do the workers notice that the first process has gone?",
    ),
    "stores/__init__.py": (
        "What may differ between two stores, and what not?",
        "Which store needs no package, and which one does?",
        "How does the core know which store it has?",
    ),
    "stores/backup.py": (
        "Why is it not enough to copy the file?",
        "What is not in a copy, and why?",
        "Why do all logins end when a copy comes back?",
    ),
    "stores/codec.py": (
        "Why JSON, and not pickle?",
        "What must a new field of a record have?",
        "How do stores compare two values?",
    ),
    "stores/redis_link.py": (
        "Why is a connection that nobody used for a minute not used again?",
        "A master comes back and believes that it still is one. Who writes to it?",
        "How long is a cut-off master silent before there is another?",
    ),
    "stores/redis_store.py": (
        "Why is a way that failed never gone twice?",
        "Which verbs are scripts, and why?",
        "What could one machine do whose clock is ahead?",
    ),
    "stores/sqlite_store.py": (
        "What is on the disk when a client has its answer?",
        "Two processes write at once. Who waits, and for whom?",
        "Which files are refused?",
    ),
    "stores/together.py": (
        "Why may a handler begin again, and when may it no more?",
        "What is remembered from one round to the next?",
        "Why is an answer never older than its request?",
    ),
}
