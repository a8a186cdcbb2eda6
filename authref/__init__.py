"""authref: how a server knows who is calling.

Read the files in this order; but for chapter one, which stands alone, each imports only from those above it.

    tiny.py           Chapter one: all of it in one file on plain http.server, as a careful tutorial writes it.  7 min
    wire.py           A request and a response are values: bytes in, bytes out.                           9 min
    passwords.py      Store something that recognises a password but cannot reveal it.                    4 min
    maps.py           A map whose entries belong to someone and end at a set time.                        9 min
    users.py          Who you are, and proving it once: sign_up, check_credentials.                      10 min
    cookies.py        A note the browser carries for you, and the flags that guard it.                    4 min
    sessions.py       The note is a random number; its meaning stays here.                                9 min
    jwt.py            The note carries its own meaning, so it is signed.                                 12 min
    keys.py           Which key signed this? A ring of them, so that one can be changed.                  5 min
    refresh.py        How a login lasts longer than its tokens, and notices a thief.                      7 min
    revocation.py     What it costs to take a signed word back.                                           3 min
    tokens.py         A login the server does not remember.                                               9 min
    roles.py          Who you are is not what you may do: 401 is not 403.                                 2 min
    admins.py         How rights are taken away, so that somebody is always left to give them.            5 min
    guards.py         What stands before the door: cross-site requests, and what browsers are told.       6 min
    throttle.py       How many guesses a stranger gets, and who waits for that.                          13 min
    devices.py        Has this browser logged in here before? Then it is no stranger.                     4 min
    events.py         What happened, one line each, and never a secret.                                   5 min
    app/              The routes; they cannot tell which mechanism they were given.                      34 min
    configuration.py  From flags and environment to an app.                                               9 min
    terminal.py       How a command speaks: one sentence, exit 2, colours only on a terminal.             9 min
    cli.py            The commands: a table of rooms, each opened only when its command is given.        18 min
    wsgi.py           The same app under any WSGI server: the way beyond one machine.                     8 min

Those but tiny.py are the core. Other folders are rooms: they import the core, and the core works without them.
"""

__version__ = "0.1.0"
