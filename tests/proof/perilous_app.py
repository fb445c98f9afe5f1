"""The very same app, whose process may be made to die at a named effect: what the proof runs in place of the app.

It is named to the sandbox's host by ``Recipe.app``. Nothing of it is in the product or in what is deployed: the
house's adapters are wrapped from outside, before anything uses them.

Real time can be made to pass faster for the app, which then believes a claim dead after ten seconds instead of sixty
and still keeps the proportion between what it waits for and what it allows itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from function_app import app, house
from lifecycle.cloud.arm import ArmAzure
from lifecycle.delivery import Mail
from lifecycle.faults import AzureFault, Overdue
from lifecycle.lookout import Lookout
from lifecycle.model import Kind, Verb
from lifecycle.ports import Accepted, Body, Change, Progress, Queue, Table
from tests.proof.perils import FOLDER, HASTE, Perils, effect_of
from tests.world.crash import Fate, MortalAzure, MortalBell, MortalTables

__all__ = ["app"]

PERILS = Perils(Path(os.environ[FOLDER]))
FASTER = float(os.environ.get(HASTE, "1"))


@dataclass
class PerilousTables(MortalTables):
    """Tables whose named commits may be the worker's last."""

    async def commit(self, table: Table, partition: str, changes: Sequence[Change]) -> dict[str, str]:
        act = self.inner.commit(table, partition, changes)
        return await PERILS.meet(effect_of(table, changes), (partition, changes), act)


@dataclass
class PerilousBell(MortalBell):
    """A bell whose rings may be the worker's last."""

    async def ring(self, queue: Queue, name: str, after: timedelta = timedelta()) -> None:
        await PERILS.meet(f"ring {queue}", name, self.inner.ring(queue, name, after))


@dataclass
class PerilousAzure(MortalAzure):
    """Azure, whose mutations and polls may be the worker's last; what was sent, and how it ended, is noted."""

    async def begin(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None, claim_age: float) -> Accepted:
        name = f"{verb} {kind.name.lower()}"
        act = self._noted(name, arm_id, claim_age, self.inner.begin(verb, kind, arm_id, body, claim_age))
        return await PERILS.meet(name, arm_id, act)

    async def poll(self, verb: Verb, kind: Kind, arm_id: str, token: str) -> Progress:
        return await PERILS.meet("poll", arm_id, self.inner.poll(verb, kind, arm_id, token))

    @staticmethod
    async def _noted(name: str, arm_id: str, claim_age: float, act: Any) -> Accepted:
        try:
            accepted: Accepted = await act
        except (Overdue, AzureFault) as refusal:
            PERILS.note(name, arm_id, f"{claim_age:.3f}", type(refusal).__name__)
            raise
        PERILS.note(name, arm_id, f"{claim_age:.3f}", "sent")
        return accepted


@dataclass
class PerilousMail:
    """Mail that may be the worker's last."""

    inner: Mail

    async def send(self, message: dict[str, Any]) -> None:
        await PERILS.meet("post", message, self.inner.send(message))


def _hasty_now() -> datetime:
    return datetime.fromtimestamp(time.time() * FASTER, UTC)


def _live_dangerously() -> None:
    calm = Fate()
    known: dict[str, Any] = vars(house)
    known["tables"] = PerilousTables(house.tables, calm)
    known["bell"] = PerilousBell(house.bell, calm)
    house.delivery.mail = PerilousMail(house.delivery.mail)
    reconciler, arm = house.reconciler, house.reconciler.azure
    assert isinstance(arm, ArmAzure)
    arm._real_clock = lambda: time.monotonic() * FASTER
    reconciler.real_now = house.sweeps.real_now = _hasty_now
    reconciler.azure = PerilousAzure(arm, calm)
    reconciler.lookout = Lookout(reconciler.tables, reconciler.azure)


_live_dangerously()
