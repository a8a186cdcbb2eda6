"""How do bytes get in and out? Nothing here knows who is calling.

    reader.py     bytes become exactly one request, or a refusal; there is no third way
    server.py     the only file that touches a socket: a thousand clients at once, some of whom mean harm
    workers.py    how a second core helps: a second process, behind the same door

This is a room: the core never imports it, and works without it under any WSGI server. What a server needs of an app
stands in server.py, as the protocol `App`.
"""
