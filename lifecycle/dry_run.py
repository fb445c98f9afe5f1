"""An Azure that can be looked at and not changed: what stands behind everything in a dry run, whatever else fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lifecycle.faults import Overdue
from lifecycle.model import Count, Kind, SessionSeen, Verb
from lifecycle.ports import Accepted, Azure, Body, Progress


class LookOnly:
    """Passes on what only reads."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure

    async def look(self, kind: Kind, arm_id: str) -> Body | None:
        """Pass on."""
        return await self._azure.look(kind, arm_id)

    async def poll(self, verb: Verb, kind: Kind, arm_id: str, token: str) -> Progress:
        """Pass on."""
        return await self._azure.poll(verb, kind, arm_id, token)

    async def sessions(self, bastion_id: str) -> tuple[SessionSeen, ...]:
        """Pass on."""
        return await self._azure.sessions(bastion_id)

    async def counts(self, bastion_id: str, from_at: datetime, until_at: datetime) -> tuple[Count, ...]:
        """Pass on."""
        return await self._azure.counts(bastion_id, from_at, until_at)

    async def begin(self, verb: Verb, kind: Kind, arm_id: str, body: Body | None, claim_age: float) -> Accepted:
        """Refuse. Always raises Overdue: for the reconciler that is a mutation that was not sent."""
        del body, claim_age
        raise Overdue(f"dry run: {verb} of {kind} {arm_id} was not sent")

    async def disconnect(self, bastion_id: str, session_ids: Sequence[str]) -> None:
        """Refuse. Always raises Overdue."""
        raise Overdue(f"dry run: {len(session_ids)} sessions of {bastion_id} were not ended")
