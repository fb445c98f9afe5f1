"""Says in a hub's partition what a stack needs of it: the one row in which a stack writes to another's."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lifecycle import due
from lifecycle.faults import Conflict
from lifecycle.model import Need, Outbound, StackIntent
from lifecycle.ports import Bell, Change, Insert, Queue, Remove, Replace, Table, Tables
from lifecycle.ranges import Pool, claim_range
from lifecycle.rows import INTENT, NEED, RANGES, StackRows, need_of, range_key, row_of, stack_rows

TRIES = 5
"""Somebody else's write may come between reading and writing; so many in a row are left to the next pass."""


class Needs:
    """Writes one stack's need at a time, and founds a hub that is needed and not there."""

    def __init__(self, tables: Tables, bell: Bell, pool: Pool) -> None:
        self.tables = tables
        self.bell = bell
        self.pool = pool

    async def say(self, stack: str, intent: StackIntent, hub: StackRows, need: Need | None, now: datetime) -> StackRows:
        """Renew a stack's need, or take it back (None); answers with the hub's rows as they are then.

        The row is written over the version that was read, so that a worker who was overtaken takes nothing back.
        A hub of which nothing is left is founded again in the same batch, with the need. Raises Conflict.
        """
        said = hub.needs.get(stack)
        if need is None and said is None:
            return hub
        for attempt in range(TRIES):
            if attempt:
                hub = stack_rows(hub.name, await self.tables.query(Table.STACKS, hub.name))
                now_said = hub.needs.get(stack)
                if (now_said.etag if now_said else "") != (said.etag if said else ""):
                    break  # another worker of this stack has spoken meanwhile
            try:
                return await self._write(stack, intent, hub, need, now)
            except Conflict:
                continue
        raise Conflict(Table.STACKS, hub.name, f"{NEED}{stack}")

    async def _write(
        self, stack: str, intent: StackIntent, hub: StackRows, need: Need | None, now: datetime
    ) -> StackRows:
        key, said = f"{NEED}{stack}", hub.needs.get(stack)
        news = said is None or need is None or not _same(need_of(said), need)
        changes: list[Change] = []
        claimed = ""
        if need is None:
            changes += [Remove(key, said.etag)] if said else []
        else:
            row = row_of(key, need, said.etag if said else "")
            changes.append(Replace(row) if said else Insert(row))
            if hub.intent is None:
                claimed = await claim_range(self.tables, self.pool, hub.name, now)
                changes.append(Insert(row_of(INTENT, _founded(intent, claimed, now))))
            elif said is None:  # the hub must not close under a need that it has not seen
                same = replace(hub.intent.value, changes=hub.intent.value.changes + 1)
                changes.append(Replace(row_of(INTENT, same, hub.intent.etag)))
        if news or claimed:
            await due.note(self.tables, due.Due(now, hub.name))
        try:
            await self.tables.commit(Table.STACKS, hub.name, changes)
        except Conflict:
            if claimed:
                await self.tables.commit(Table.RANGES, RANGES, [Remove(range_key(claimed))])
            raise
        if news or claimed:
            await self.bell.ring(Queue.RECONCILE, hub.name)
        return stack_rows(hub.name, await self.tables.query(Table.STACKS, hub.name))


def _same(said: Need | None, need: Need) -> bool:
    return said is not None and (said.door, said.vnet, said.since_at) == (need.door, need.vnet, need.since_at)


def _founded(guest: StackIntent, address_range: str, now: datetime) -> StackIntent:
    """Make a hub for the sake of a stack that uses it: in its region, with the door it was asked for with."""
    return StackIntent(
        region=guest.region,
        sku=guest.sku,
        outbound=Outbound.DEFAULT,
        keep_public_ip=False,
        address_range=address_range,
        created_at=now,
        created_by=guest.created_by,
    )
