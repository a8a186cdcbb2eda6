"""authref: how a server knows who is calling.

Read the files in this order; each imports only from those above it.

    wire.py           A request and a response are values: bytes in, bytes out.
    events.py         What happened, one line each, and never a secret.
    passwords.py      Store something that recognises a password but cannot reveal it.
    maps.py           A map whose entries belong to someone and end at a set time.
    users.py          Who you are, and proving it once: sign_up, check_credentials.
    cookies.py        A note the browser carries for you, and the flags that guard it.
    sessions.py       The note is a random number; its meaning stays here.
    jwt.py            The note carries its own meaning, so it is signed.
    keys.py           Which key signed this? A ring of them, so that one can be changed.
    refresh.py        How a login lasts longer than its tokens, and notices a thief.
    revocation.py     What it costs to take a signed word back.
    tokens.py         A login the server does not remember.
    roles.py          Who you are is not what you may do: 401 is not 403.
    guards.py         What stands before the door: cross-site requests, and what browsers are told.
    throttle.py       How many guesses a stranger gets.
    app/              The routes; they cannot tell which mechanism they were given.
    configuration.py  From flags and environment to an app.
    terminal.py       How a command speaks: one sentence, exit 2, colours only on a terminal.
    cli.py            The commands: a table of rooms, each opened only when its command is given.
    wsgi.py           The same app under any WSGI server: the way beyond one machine.

Those are the core. Other folders are rooms: they import the core, and the core works without them.
"""

__version__ = "0.1.0"
