"""How is an attack played? Between two honest twins, and what it says is weighed.

Rules of this file:
- what the twin cannot do, before or after, was not played: the server may just be down;
- nor was what stumbled over an odd answer of a server that is not ours, or came after three waits for nothing;
- only the server's own declaration makes a price of what got through, and it names the reason;
- the servers are played on at the same time, the attacks on one of them one after the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from authref.attacks.client import PATIENCE, masked
from authref.attacks.scene import (
    NOT_PLAYED,
    PRICE,
    STOPPED,
    THROUGH,
    Attack,
    NotPlayed,
    Scene,
    Target,
    Twin,
)

MAX_WAITS = 3


@dataclass(frozen=True)
class Result:
    """What came of one attack on one server."""

    attack: Attack
    server: str
    verdict: str
    evidence: str  # one line; of a price the reason, of what was not played why


Progress = Callable[[str, int, Attack], None]  # the server, how many came before, and what is played now


def play_on(target: Target, attacks: Sequence[Attack], progress: Progress, stop: threading.Event) -> list[Result]:
    """What came of the attacks on this server, in their order."""
    scene = Scene(target)
    results: list[Result] = []
    proven: Twin | None = None  # the twin that has just succeeded
    waits = 0  # each as long as our patience, since something came last
    for number, attack in enumerate(attacks):
        if stop.is_set():
            break
        if waits == MAX_WAITS:
            results.append(Result(attack, target.name, NOT_PLAYED, "because the server answers nothing any more"))
            continue
        progress(target.name, number, attack)
        scene.travelled.clear()
        begun = time.monotonic()
        result, proven = play_one(scene, attack, proven)
        results.append(result)
        answers = [data for way, data in scene.travelled if way == "<"]
        if any(answers):
            waits = 0
        elif answers and time.monotonic() - begun >= PATIENCE:
            waits += 1
    if not target.ours:
        scene.tidy()
    return results


def play_one(scene: Scene, attack: Attack, proven: Twin | None = None) -> tuple[Result, Twin | None]:
    """What came of one attack, and the twin that succeeded just after it, if it did."""
    name = scene.target.name
    try:
        for route in attack.needs:
            scene.need(route)
        if proven is not attack.twin:
            scene.turn("before it, an honest client")
            attack.twin(scene)
        scene.turn("the attack")
        outcome = attack.play(scene)
        scene.turn("after it, an honest client")
        attack.twin(scene)
    except NotPlayed as reason:
        return Result(attack, name, NOT_PLAYED, masked(f"because {reason}", *scene.secrets)), None
    except OSError as error:
        return Result(attack, name, NOT_PLAYED, f"because the connection failed ({error})"), None
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        if scene.target.ours:
            raise
        why = f"because this attack cannot read what the server answers ({type(error).__name__})"
        return Result(attack, name, NOT_PLAYED, why), None
    evidence = masked(outcome.evidence, *scene.secrets)
    if not outcome.got_through:
        return Result(attack, name, STOPPED, evidence), attack.twin
    if attack.name in scene.target.prices:
        return Result(attack, name, PRICE, scene.target.prices[attack.name]), attack.twin
    return Result(attack, name, THROUGH, evidence), attack.twin


def play_all(targets: Sequence[Target], attacks: Sequence[Attack], progress: Progress) -> list[list[Result]]:
    """What came of the attacks, by server. Ctrl-C ends it after the attack that is being played."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(targets)) as pool:
        jobs = [pool.submit(play_on, target, attacks, progress, stop) for target in targets]
        try:
            return [job.result() for job in jobs]
        except BaseException:
            stop.set()
            raise
