"""Calling one function: async ones on the loop, the others in a thread, and knowing how many are running."""

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any

from sandbox.host.indexing import Function


class Invoker:
    """Calls functions and counts them. Whatever a function raises escapes to the listener that called it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(thread_name_prefix="function")
        self._settled = asyncio.Event()
        self._settled.set()
        self._on_finish: list[Callable[[], None]] = []
        self.running = 0
        self.finished = 0

    def on_finish(self, told: Callable[[], None]) -> None:
        """Have `told` called after every call, whatever came of it."""
        self._on_finish.append(told)

    async def call(self, function: Function, trigger: object) -> Any:
        """Call the function with its trigger's value; the answer is what it returns."""
        self.running += 1
        self._settled.clear()
        try:
            if inspect.iscoroutinefunction(function.call):
                return await function.call(**{function.argument: trigger})
            call = partial(copy_context().run, function.call, **{function.argument: trigger})
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self.running -= 1
            self.finished += 1
            if self.running == 0:
                self._settled.set()
            for told in self._on_finish:
                told()

    async def settled(self) -> None:
        """Wait until no call is under way."""
        await self._settled.wait()

    def close(self) -> None:
        """Let no new call start in a thread; those that run are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
