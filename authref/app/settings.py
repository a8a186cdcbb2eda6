"""What can be chosen? Only what differs from one place to the next; where one answer is right, it is a constant.

Settings are checked once, at the start: a server with a weak key should not run at all.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Protocol

from authref.events import Events
from authref.jwt import Keys
from authref.keys import check_keys, fresh_keys
from authref.maps import Clock, Store
from authref.passwords import COST, MAX_COST, MIN_COST
from authref.revocation import MODES
from authref.users import objections
from authref.wire import Request

# A web view's app has a scheme of its own (capacitor://localhost). An Origin never names the default port.
_ORIGIN = re.compile(
    r"(?!http:.*:80$|https:.*:443$)[a-z][a-z0-9+.\-]*://"
    r"(?:[a-z0-9._\-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)


class Proxies(Protocol):
    """What tells the client's address from the proxy's; `serving/proxies.py` has one."""

    def client(self, request: Request) -> str: ...
    def __contains__(self, peer: object) -> bool: ...


@dataclass(frozen=True)
class Settings:
    """All that can be chosen. Without `keys` they are made anew, so that a restart ends every token.

    `public_url` is the origin under which browsers reach us, `hosts` are our names there (none: any). Pages of
    `allow_origins` may talk to us, without cookies; `proxies` are believed when they say whose a request is.
    """

    public_url: str | None = None
    hosts: tuple[str, ...] = ()
    bcrypt_cost: int = COST
    store: Store | None = None
    keys: Keys = field(default_factory=fresh_keys, repr=False)
    issuer: str = "authref"
    audience: str = "authref"
    revocation: str = "none"
    allow_origins: tuple[str, ...] = ()
    proxies: Proxies | None = None
    admin_email: str | None = None
    admin_password: str | None = field(default=None, repr=False)
    events: Events = field(default_factory=Events)
    now: Clock = time.time

    @property
    def secure(self) -> bool:
        """True if browsers reach us over TLS."""
        return self.public_url is not None and self.public_url.startswith("https:")

    def check(self) -> None:
        """Raise ValueError, one sentence with its remedy, for settings that nobody should run."""
        check_keys(self.keys)
        if not MIN_COST <= self.bcrypt_cost <= MAX_COST:
            raise ValueError(f"The bcrypt cost is a number from {MIN_COST} to {MAX_COST}.")
        public = [] if self.public_url is None else [self.public_url]
        for origin in (*self.allow_origins, *public):
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin; write it like https://auth.example: lower case, no path or default port."
                )
        if public and not public[0].startswith(("http:", "https:")):
            raise ValueError("The public URL is one of browsers; write it like https://auth.example.")
        if self.revocation not in MODES:
            raise ValueError(f"The revocation mode is one of {', '.join(MODES)}.")
        admin = self.admin_email
        if admin is not None and (found := objections(admin, self.admin_password or "")):
            raise ValueError("The first admin cannot be made: " + " ".join(found.values()))
