"""Which attacks are there? All of them in one table, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Sequence

from authref.attacks.on_accounts import ACCOUNTS
from authref.attacks.on_browsers import BROWSERS
from authref.attacks.on_refresh import REFRESH
from authref.attacks.on_rights import RIGHTS
from authref.attacks.on_sessions import SESSIONS
from authref.attacks.on_tokens import TOKENS
from authref.attacks.on_wire import WIRE
from authref.attacks.scene import Attack

GROUPS = (ACCOUNTS, SESSIONS, TOKENS, REFRESH, RIGHTS, BROWSERS, WIRE)
ATTACKS: tuple[Attack, ...] = tuple(attack for group in GROUPS for attack in group.attacks)
BY_NAME = {attack.name: attack for attack in ATTACKS}


def chosen(only: Sequence[str], skip: Sequence[str], slow: bool) -> list[Attack]:
    """The attacks that these words choose: names, groups or WSTG numbers. Raises ValueError for an unknown one."""
    for word in (*only, *skip):
        if not any(fits(attack, word) for attack in ATTACKS):
            groups = ", ".join(group.name for group in GROUPS)
            raise ValueError(f"There is no attack, group or WSTG number {word}; the groups are {groups}.")
    return [
        attack
        for attack in ATTACKS
        if (not only or any(fits(attack, word) for word in only))
        and not any(fits(attack, word) for word in skip)
        and (slow or not attack.slow or attack.name in only)
    ]


def fits(attack: Attack, word: str) -> bool:
    """True if the word is the attack's name, its group, or its number or chapter of the WSTG."""
    number = word.upper().removeprefix("WSTG-")
    return word in (attack.name, attack.group) or attack.wstg.removeprefix("WSTG-").startswith(number) and bool(number)
