"""How a bug is planted, and a scene played with it.

A mutant is the product with one snippet of one function said differently. The snippet must stand there exactly once, or
planting fails loudly: a mutant that changes nothing would prove nothing. What is planted is the function's code, so
that it holds wherever the function was imported to, and it is taken out again afterwards.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import textwrap
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from tests.proof.stage import Broken

LONGEST_SCENE = 120
"""Real seconds after which a scene under a mutant is given up; that is no kill."""


Scene = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A wrong design: in ``where`` (module:function) ``right`` is said as ``wrong``."""

    name: str
    where: str
    right: str
    wrong: str
    scene: Scene
    check: str
    """The check of the scene that must notice it."""


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Have the mutant in place of the product for a while. Raises LookupError where its snippet is no longer there."""
    function = _function(mutant.where)
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mutant.right) != 1:
        raise LookupError(f"{mutant.where} says {mutant.right!r} {source.count(mutant.right)} times, not once")
    space: dict[str, Any] = {}
    flags = "from __future__ import annotations\n"
    exec(flags + _bare(source).replace(mutant.right, mutant.wrong), function.__globals__, space)  # noqa: S102 -- that is planting
    right, function.__code__ = function.__code__, space[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = right


def _bare(source: str) -> str:
    """Leave out decorators: what they do stays as it is."""
    lines = source.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith(("def ", "async def ")))
    return "".join(lines[first:])


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name)
    found = getattr(found, "fget", None) or getattr(found, "__func__", None) or found
    if not isinstance(found, FunctionType):
        raise TypeError(f"{where} is no function")
    return found


def unnoticed(mutant: Mutant) -> str:
    """Plant a mutant and play its scene: empty when the named check noticed it, else what happened instead."""
    with planted(mutant):
        trouble = played(mutant.scene)
    if isinstance(trouble, Broken) and trouble.check == mutant.check:
        return ""
    return f"{type(trouble).__name__}: {trouble}" if trouble else "nothing noticed it"


def played(scene: Scene) -> BaseException | None:
    """Play a scene; gives what went wrong in it."""
    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(asyncio.wait_for(_awaited(scene), LONGEST_SCENE))
    except Exception as trouble:  # noqa: BLE001 -- a mutant may break anything
        return trouble
    finally:
        logging.disable(logging.NOTSET)
    return None


async def _awaited(scene: Scene) -> None:
    await scene()
