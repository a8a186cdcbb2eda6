"""Whose request is it, when every one of them comes through a proxy?

Behind a proxy all requests have one address, the proxy's, and whoever guesses uses up everybody's tries. The proxy
writes down where each came from, in a header. But so can anybody else, and what a client has written itself stands
in the same header, to the left.

    X-Forwarded-For = address *( "," address )      Forwarded = element *( "," element ), with for=address (RFC 7239)

Rules of this file:
- the address is the socket's, unless the configuration names its owner as a proxy of ours;
- then one header counts, the one that our proxies are known to write, and it is read from the right: each of our
  proxies vouches for the hop before it. The first that is none of ours is the client; left of it stands hearsay;
- what cannot be read is not skipped, for that would be one hop further than anybody vouches for: the proxy's own
  address counts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from authref.wire import Request

_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
# A quoted value may hold commas, semicolons and `for=`, so that splitting would read what no proxy has written.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'({_TOKEN})=({_TOKEN}|"(?:[^"\\]|\\.)*")[ \t]*([;,]|\Z)[ \t]*')


class Proxies:
    """The proxies of ours, and the header that they write."""

    def __init__(self, trusted: Iterable[str], header: str = "x-forwarded-for") -> None:
        """`trusted` are addresses, networks, and `unix:` for what comes through a Unix socket. Raises ValueError."""
        names = list(trusted)
        if not names:
            raise ValueError("The list of trusted proxies names none; write addresses, such as 10.0.0.5.")
        self.header, self._unix = header, "unix:" in names
        self._networks = [_network(name) for name in names if name != "unix:"]

    def __contains__(self, peer: object) -> bool:
        """True for one of our proxies."""
        address = _address(str(peer))
        if address is None:
            return self._unix and peer in ("", "unix:")  # what servers name a peer that has no address
        return any(address in network for network in self._networks if network.version == address.version)

    def client(self, request: Request) -> str:
        """The address that the request came from, as far as our proxies vouch for it."""
        if request.peer not in self:
            return request.peer
        client = request.peer
        hops = _hops(request.header(self.header) or "", self.header)
        for hop in reversed(hops or ()):
            address = _address(hop)
            if address is None:
                return request.peer
            client = str(address)
            if client not in self:
                break
        return client


def _network(name: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        network = ipaddress.ip_network(name)
    except ValueError:
        raise ValueError(
            f"{name!r} is no address or network of a proxy; write it like 10.0.0.5 or 10.0.0.0/24."
        ) from None
    if network.prefixlen == 0:
        raise ValueError("Whoever trusts everybody as a proxy believes any address; name the proxy's own.")
    return network


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, of IPv4 also when it is written as IPv6, with a port or without; None for anything else."""
    try:
        found = _PORT.fullmatch(text)
        address = ipaddress.ip_address((found[1] or found[2] if found else text).partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _hops(text: str, header: str) -> list[str] | None:
    """What the header says, from the client on; None if it cannot be read."""
    if header != "forwarded":
        return [hop.strip(" \t") for hop in text.split(",")] if text else []
    hops: list[list[str]] = [[]]
    position = 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None:
            return None
        if pair[1].lower() == "for":
            hops[-1].append(pair[2].strip('"'))
        if pair[3] == ",":
            hops.append([])
        position = pair.end()
    return [names[0] if len(names) == 1 else "" for names in hops] if text else []
