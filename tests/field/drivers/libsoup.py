"""libsoup 3, the HTTP of GNOME and of WebKitGTK, with its cookie jar."""

import os
import sys

import gi

gi.require_version("Soup", "3.0")
from gi.repository import GLib, Soup  # noqa: E402

session = Soup.Session()
session.add_feature(Soup.CookieJar())
print(f"libsoup {Soup.get_major_version()}.{Soup.get_minor_version()}.{Soup.get_micro_version()}")
steps = (("POST", "/login", os.environ["BODY"]), ("GET", "/me", ""), ("POST", "/logout", ""), ("GET", "/me", ""))
for method, path, data in steps:
    message = Soup.Message.new(method, sys.argv[1] + path)
    if data:
        message.set_request_body_from_bytes("application/json", GLib.Bytes.new(data.encode()))
    session.send_and_read(message)
    print(int(message.get_status()))
