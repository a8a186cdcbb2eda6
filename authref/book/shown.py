"""What did a chapter's code do, just now? The story of the x-ray, played once when the book is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from authref.app import Settings
from authref.passwords import MIN_COST
from authref.xray.calls import Step, function_of, tree
from authref.xray.play import Client
from authref.xray.recorder import Exchange, received, sent
from authref.xray.story import STORY
from authref.xray.world import World

MAX_LINE = 110  # characters


class Shown:
    """The exchanges of the story, and which files had a part in each."""

    def __init__(self) -> None:
        world = World(Settings(bcrypt_cost=MIN_COST))
        client = Client(world)
        for step in STORY:
            for verb in step.press:
                client.press(verb)
        exchanges = [each for each in world.recorder.after(0, 0) if each.who != "button"]
        self._by_files = [(each, set(_files(tree(each.marks).steps))) for each in exchanges]

    def by(self, file: str) -> str:
        """The first exchange in which a function of this file ran, as text; "" if there was none."""
        return next((_as_text(exchange) for exchange, files in self._by_files if file in files), "")


def _files(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        if step.code:
            yield function_of(step.code).file
        yield from _files(step.steps)


def _as_text(exchange: Exchange) -> str:
    request, response = sent(exchange), received(exchange.response)
    lines = [request["line"], *(f"{name}: {value}" for name, value in request["headers"]), "", request["body"], ""]
    lines += [response["line"], *(f"{name}: {value}" for name, value in response["headers"]), "", response["body"]]
    changes = [f"changed: {change.map} {'+' if change.after else '-'}" for change in exchange.notes.changes]
    shown = "\n".join(each if len(each) <= MAX_LINE else f"{each[: MAX_LINE - 1]}…" for each in lines)
    events = [f"the log: {each}" for each in exchange.notes.events]
    return "\n".join([shown, "", *(changes or ["changed: nothing"]), *events])
