"""What travels, what does the server remember, and which code ran? A page shows it: `python -m authref --xray`.

    calls.py      which functions and lines ran for one request; never a value
    glass.py      a store whose maps can be looked into, a clock to put forward, a log that is overheard
    recorder.py   one exchange after the other: bytes, changes, calls
    world.py      the server under glass: its mode and keys can be changed, a thief and a second server stand beside it
    relay.py      sends what a browser will not
    story.py      what happens to a login, in twelve steps
    explain.py    what each line of a request and an answer is for
    pages.py      who may look, and what they get: page.html, page.js, page.css
    play.py       the same story in a terminal: `authref xray`

This is a room: the core never imports it, and has no line for it. The app is a function from request to response, and
the recorder a function around it; the clock, the store and the log are handed in.
"""

from __future__ import annotations

import argparse
import ipaddress
import os
from collections.abc import Sequence

from authref.app import Settings
from authref.xray.pages import XRay
from authref.xray.play import play
from authref.xray.world import World

__all__ = ["XRay", "main", "refusal", "under_glass"]


def refusal(flags: argparse.Namespace) -> str:
    """Why a server with these flags must not be put under glass, in a sentence, or ""."""
    if not _is_loopback(flags.host):
        return (
            "--xray shows every cookie and token, so it listens on loopback only; leave --host away. (A container's"
            " loopback is not reached from outside: run it outside, or look at `authref xray`.)"
        )
    if flags.store != "memory":
        return "--xray moves the clock, so it takes the memory store only; leave --store away."
    if "AUTHREF_KEYS" in os.environ or flags.key_file:
        return "--xray shows what keys sign, so it makes keys of its own; unset AUTHREF_KEYS and leave --key-file away."
    if flags.public_url:
        return "--xray is for this machine only; leave --public-url away."
    if flags.workers > 1:
        return "--xray watches one process; leave --workers away."
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def under_glass(settings: Settings) -> XRay:
    """The app of these settings, and around it the recorder and the page."""
    return XRay(World(settings))


def main(arguments: Sequence[str]) -> int:
    """Play the story in the terminal; the exit status."""
    return play(arguments)
