"""Before the lessons: chapter one, whose functions have a few lines each. Write the whole idea once by hand."""

from __future__ import annotations

from authref.exercises.exercise import EASY, MIDDLE, WRITE, Exercise

_TESTS = "tests.test_tiny"

CHAPTER_ONE: tuple[Exercise, ...] = (
    Exercise(
        id="tiny-sign-up",
        lesson=0,
        kind=WRITE,
        title="What is kept of a password",
        minutes=8,
        difficulty=EASY,
        task="Make an account: a user, which is a dict of id, email and role, and beside it a bcrypt hash of the "
        "password. The id is a random text that nobody can guess. Keep both in `self`, which is a dict: under the "
        "address, the pair of user and hash (as bytes). Return the user. If somebody has the address already, change "
        "nothing and return None. The password goes to bcrypt as it is, and has at most 72 bytes here.",
        attacker="Databases leak. Whoever reads this one must not be able to log in with what stands in it.",
        read="authref/tiny.py: `check_credentials`, which reads what you keep; authref/passwords.py, its opening",
        lacks="Beyond 72 bytes bcrypt raises or cuts, by its release; the route lets no longer one in. "
        "passwords.py makes 44 bytes of any password before (exercise long-passwords).",
        why="The address is asked first, so that nobody takes over an account by signing up again. `gensalt` makes a "
        "new salt each time: equal passwords get different hashes, and each guess is for one account only. The id "
        "comes from the system's generator, so whoever knows one id can guess no other.",
        target="authref.tiny:Users.sign_up",
        claims=(
            f"{_TESTS}.Passwords.test_a_new_user",
            f"{_TESTS}.Passwords.test_ids",
            f"{_TESTS}.Passwords.test_where_ids_come_from",
            f"{_TESTS}.Passwords.test_what_is_kept",
            f"{_TESTS}.Passwords.test_two_with_one_password",
            f"{_TESTS}.Passwords.test_how_slow_a_guess_is",
            f"{_TESTS}.Passwords.test_an_address_that_is_taken",
        ),
        hints=(
            "What does `check_credentials` expect to find under an address? And what must be true before you write "
            "there?",
            "Bcrypt works on bytes: `str.encode` makes them. `bcrypt.gensalt()` gives a new salt and `bcrypt.hashpw` "
            "takes password and salt. `secrets.token_urlsafe` gives ids that nobody can guess.",
            "First the address that is taken. Then a dict of three texts for the user; then the pair of user and hash, "
            "stored under the address; then return the user.",
        ),
    ),
    Exercise(
        id="tiny-check",
        lesson=0,
        kind=WRITE,
        title="Who knows this password?",
        minutes=6,
        difficulty=EASY,
        task="Return the user who has this address, if the password is theirs. Return None for an address that nobody "
        "has, for a wrong password, and for a password of more than 72 bytes: bcrypt does not read further.",
        attacker="They try addresses and passwords from other leaks. An answer that says which of the two was wrong "
        "saves them half of the work.",
        read="authref/tiny.py: `sign_up`, which keeps what you read; the documentation of bcrypt.checkpw",
        lacks="An unknown address is answered at once, a known one after a hash: the time says who has an account. "
        "users.py works as long for both (exercise login-time).",
        why="bcrypt finds salt and cost in the stored hash, so nothing else need be kept. The length comes before "
        "bcrypt, which raises beyond 72 bytes or ignores the rest. All three ways to fail give the same None: nobody "
        "hears which of them it was.",
        target="authref.tiny:Users.check_credentials",
        claims=(
            f"{_TESTS}.Passwords.test_the_right_password",
            f"{_TESTS}.Passwords.test_wrong_passwords",
            f"{_TESTS}.Passwords.test_an_unknown_address",
            f"{_TESTS}.Passwords.test_more_than_bcrypt_reads",
        ),
        hints=(
            "What stands under an address, and what if nothing does? What can a hash be asked?",
            "A hash is not turned back: `bcrypt.checkpw` takes the password's bytes and the stored hash, and says "
            "whether they fit. Given more than 72 bytes, bcrypt 5 raises, and older ones ignore the rest.",
            "Look up the pair of user and hash. There are three ways to be nobody: no such pair, too many bytes, a "
            "hash that does not fit. Whoever is left is the user.",
        ),
    ),
    Exercise(
        id="tiny-session",
        lesson=0,
        kind=WRITE,
        title="Set the cookie",
        minutes=6,
        difficulty=EASY,
        task="Begin a session: remember the user under a new random number of 256 bits, written as text. Answer 200 "
        'with {"user": user}, and with a header named Set-Cookie: a cookie named session with this number. Scripts '
        "cannot read it (HttpOnly), forms of other sites do not send it (SameSite=Lax), and all paths get it "
        "(Path=/).",
        attacker="Whoever knows or guesses the number is logged in. A script on the page would read a cookie that is "
        "not hidden from it.",
        read="authref/tiny.py: Answer, at the top, and `authenticate`; authref/cookies.py, its opening",
        lacks="This session never ends by itself, and whoever copies the dict is logged in as everybody. "
        "sessions.py knows two ends, and keeps only hashes of its numbers (exercise sessions-authenticate).",
        why="The number is all that a thief needs, so it comes from the system's generator and stands in the cookie "
        "only. It is new at each login, for an old one may be known to others. Lax still sends the cookie along when "
        "somebody follows a link.",
        target="authref.tiny:Sessions.log_in",
        claims=(
            f"{_TESTS}.SessionsTest.test_whoever_logged_in",
            f"{_TESTS}.SessionsTest.test_the_answer",
            f"{_TESTS}.SessionsTest.test_the_flags",
            f"{_TESTS}.SessionsTest.test_numbers",
            f"{_TESTS}.SessionsTest.test_where_numbers_come_from",
        ),
        hints=(
            "Sessions are a dict: what is the key, what the value? An Answer has three parts: which are they?",
            "`secrets.token_urlsafe(32)` gives 32 random bytes in letters that a cookie may have. In a Set-Cookie "
            "header name=value comes first; each flag follows after a semicolon and a blank.",
            "One line makes the number, one stores the user under it, and one returns the answer: the status, a dict "
            "with the user, and a dict with one header, whose text has the number and three flags.",
        ),
    ),
    Exercise(
        id="tiny-cookie",
        lesson=0,
        kind=WRITE,
        title="Read the cookie",
        minutes=6,
        difficulty=EASY,
        task="Return the value of the cookie named session from the request's Cookie header, such as `theme=dark; "
        "session=k3J; lang=en`. If there is none, or no such header, return an empty text. If it comes twice, take "
        "either one: cookies.py will be stricter.",
        attacker="They cannot read your cookie, but they can often set one beside it, with a name that looks like "
        "yours.",
        read="authref/tiny.py: who calls it; authref/cookies.py, which is stricter; RFC 6265 §4.2.1",
        lacks="Of two cookies named session one is believed, though a neighbouring host may have planted it. "
        "cookies.py takes neither (exercise cookies-parse).",
        why="`partition` cuts at the first equals sign, for a value may have some of its own. The whole name is "
        "compared: `xsession` is another cookie. The defaults of `get` serve for no header and for no such cookie.",
        target="authref.tiny:Sessions.read_cookie",
        claims=(
            f"{_TESTS}.SessionsTest.test_among_other_cookies",
            f"{_TESTS}.SessionsTest.test_names_like_ours",
            f"{_TESTS}.SessionsTest.test_a_value_with_equals",
            f"{_TESTS}.SessionsTest.test_no_cookie",
        ),
        hints=(
            "What separates two cookies, and what a name from its value? Which of the two may stand in a value?",
            "`request.headers.get` takes a name and what to return if it is not there. Cookies are separated by a "
            "semicolon, usually with a blank behind it. `str.partition` cuts at the first equals sign only.",
            "Cut the header at its semicolons, strip each piece, and cut it once at its equals sign. The value whose "
            "name is exactly ours is the answer.",
        ),
    ),
    Exercise(
        id="tiny-logout",
        lesson=0,
        kind=WRITE,
        title="Log out",
        minutes=5,
        difficulty=EASY,
        task='End the session that the request\'s cookie names. Answer 200 with {"message": "Logged out"}, and '
        "with a Set-Cookie header that makes the browser drop its cookie: the same name and flags, an empty value, "
        "and Max-Age=0. Whoever is not logged in gets the same answer.",
        attacker="They have copied the cookie. If the logout only tells the browser to forget it, the copy goes on "
        "working.",
        read="authref/tiny.py: `log_in`, whose counterpart this is; authref/sessions.py, its opening",
        lacks="Another site's page can log you out. guards.py asks whose page made the request (exercise cross-site).",
        why="Browser and server both remember the login, and only the server's part counts: without it every copy of "
        "the cookie is worthless. `pop` with a default raises nothing for whoever is not logged in. A browser drops "
        "a cookie only where the name and the path are the same.",
        target="authref.tiny:Sessions.log_out",
        claims=(
            f"{_TESTS}.SessionsTest.test_what_the_browser_is_told",
            f"{_TESTS}.SessionsTest.test_a_copy_of_the_cookie",
            f"{_TESTS}.SessionsTest.test_others_stay",
            f"{_TESTS}.SessionsTest.test_logging_out_twice",
        ),
        hints=(
            "In which two places is the login remembered? Which of them can a thief not reach?",
            "`dict.pop` removes a key; with a second argument it does not mind if there is none. `read_cookie` finds "
            "the number. Max-Age=0 says that the cookie has no life left.",
            "Take this one number out of the dict, and nothing else. Then an answer like that of `log_in`: another "
            "JSON, no value in the cookie, and one flag more.",
        ),
    ),
    Exercise(
        id="tiny-hs256",
        lesson=0,
        kind=WRITE,
        title="The line that signs",
        minutes=4,
        difficulty=EASY,
        task="Return the HS256 signature of this text: HMAC with SHA-256 under KEY. It has 32 bytes; `encode` makes "
        "text of them, base64url without padding.",
        attacker="They can read and write every part of a token but this one. Without the key nobody can make it, and "
        "with a key that can be guessed everybody can.",
        read="the documentation of Python's hmac module; RFC 7515 §3.1 and appendix A.1, an example",
        lacks="The one key is gone when the program ends, and with it every login. keys.py keeps a ring, so that a "
        "key can be changed; each token names the one it needs (exercise jwt-create).",
        why="Everybody can make SHA-256 of a text. HMAC mixes a key in, so that only who has the key can make the "
        "signature. The name of the hash stands in the code: what a token says of its algorithm is the attacker's to "
        "write.",
        target="authref.tiny:Tokens.sign",
        claims=(
            f"{_TESTS}.TokensTest.test_how_it_is_written",
            f"{_TESTS}.TokensTest.test_another_key",
            f"{_TESTS}.TokensTest.test_another_text",
            f"{_TESTS}.TokensTest.test_the_example_of_the_rfc",
        ),
        hints=(
            "Why is SHA-256 of the text alone no signature? What does HMAC mix in?",
            "HMAC is in Python's hmac module: `hmac.digest` takes a key, a message and the name of a hash, and gives "
            "bytes. A text becomes bytes by `str.encode`.",
            "Three calls in each other: the text's bytes, their digest under the key with sha256, and its base64url.",
        ),
    ),
    Exercise(
        id="tiny-token",
        lesson=0,
        kind=WRITE,
        title="Make a token",
        minutes=10,
        difficulty=MIDDLE,
        task='Answer 200 with {"token": …, "token_type": "Bearer", "expires_in": …}, the last being TOKEN_LIFETIME. '
        'A token has three parts, with dots between: header, claims and signature. The header is {"alg": "HS256", '
        '"typ": "JWT"}. The claims are sub (the id), email, role and exp (TOKEN_LIFETIME from now, in whole Unix '
        "seconds). Header and claims are base64url of their JSON; what is signed is both, with the dot between.",
        attacker="A token works for whoever has it, and nobody can take it back here. Without `exp` it would work for "
        "ever.",
        read="authref/tiny.py: `authenticate`, `sign`, `encode`; RFC 7519 §3.1, an example",
        lacks="Nobody can take this token back, and its role stays what it was. revocation.py ends a login early "
        "(exercise deny-list), and roles are asked of the store (exercise role-from-token).",
        why="What is signed is the encoded text: whoever verifies it need not write the same JSON again. The header "
        "never changes, so it is written out. `exp` is the only end that this token has.",
        target="authref.tiny:Tokens.log_in",
        claims=(
            f"{_TESTS}.TokensTest.test_the_answer",
            f"{_TESTS}.TokensTest.test_what_a_token_says",
            f"{_TESTS}.TokensTest.test_what_is_signed",
            f"{_TESTS}.TokensTest.test_a_good_token",
        ),
        hints=(
            "Which text is it that is signed: what stands in it, and in which form?",
            "`json.dumps` makes text of a dict, `str.encode` bytes of a text, and `self.encode` base64url of bytes. "
            "`time()` gives seconds with a fraction; `int` drops it. What is signed are the encoded parts.",
            "A dict of four claims. Header and claims, both encoded, with a dot between. That text, a dot, its "
            "signature: this is the token. No header goes with the answer.",
        ),
    ),
    Exercise(
        id="tiny-verify",
        lesson=0,
        kind=WRITE,
        title="Believe a token",
        minutes=12,
        difficulty=MIDDLE,
        task="The request's Authorization header says `Bearer ` and a token. Return the user that it describes, a "
        "dict of id, email and role, if its signature is ours and `exp` is still to come; else None. Compare the "
        "signatures in constant time, as bytes, and believe nothing that the token says before they fit. To decode "
        "base64url, Python wants the padding back that `encode` took away; `==` is always enough.",
        attacker="They write any header and any claims they like: an admin's role, an algorithm called none. Only the "
        "signature can stop them, if it is asked first.",
        read="authref/tiny.py: `sign` and `log_in`; hmac.compare_digest; RFC 7519 §7.2; RFC 8725 §3.1",
        lacks="It does not ask who issued the token, for whom, and for what purpose. jwt.py does (exercise "
        "issuer-prefix).",
        why="`rpartition` cuts at the last dot, for all that stands before it was signed. The claims are decoded "
        "only after the signature fits; until then each byte is a stranger's. The header is never read, so `alg` may "
        "say what it likes. Bytes are compared, for `compare_digest` raises for letters outside ASCII.",
        target="authref.tiny:Tokens.authenticate",
        attacks=("changed-payload",),
        claims=(
            f"{_TESTS}.TokensTest.test_a_good_token",
            f"{_TESTS}.TokensTest.test_no_token",
            f"{_TESTS}.TokensTest.test_changed_claims",
            f"{_TESTS}.TokensTest.test_no_signature",
            f"{_TESTS}.TokensTest.test_algorithms_that_the_token_names",
            f"{_TESTS}.TokensTest.test_somebody_elses_key",
            f"{_TESTS}.TokensTest.test_the_end",
            f"{_TESTS}.TokensTest.test_how_signatures_are_compared",
        ),
        hints=(
            "Where in the text does the signature begin, and what was signed? What of the token can you believe before "
            "that fits?",
            "`str.rpartition` cuts at the last dot. Make the signature of what stands before it and let "
            "`hmac.compare_digest` compare the two, as bytes: for letters outside ASCII it raises. Base64url needs its "
            'padding back: "==" is enough.',
            "Cut the word Bearer off, then the signature. If it is not the one you would have made: None. Now decode "
            "the middle part. If the time is before its end, a dict of three claims, of which `sub` becomes the id.",
        ),
    ),
)
