"""Carries notices from the outbox to people, once each as far as that can be known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol

from lifecycle import journal, troubles
from lifecycle.events import Event, Name
from lifecycle.faults import Conflict
from lifecycle.links import Keep
from lifecycle.notices import Notice, tell
from lifecycle.ports import Bell, Clock, Queue, Replace, Row, Table, Tables
from lifecycle.rows import instant_of, instant_text

POISON_PAUSE = timedelta(minutes=10)
"""A stack whose message failed again and again is woken after a pause, once: the trouble may be a passing one."""


class Mail(Protocol):
    """What takes a message to people."""

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message. Raises AzureFault when it was not taken."""
        ...


class Delivery:
    """Sends what the outbox holds, and raises the alert for messages that nobody could work off."""

    def __init__(self, tables: Tables, bell: Bell, clock: Clock, mail: Mail, links: Links | None = None) -> None:
        self.tables = tables
        self.bell = bell
        self.clock = clock
        self.mail = mail
        self.links = links

    async def notify(self, name: str) -> None:
        """Send one notice, named ``stack|key``, unless it was sent. Raises AzureFault when it was not taken."""
        stack, _, key = name.partition("|")
        row = await self.tables.get(Table.OUTBOX, stack, key)
        if row is None or "sent_at" in row.values:
            return
        await self.mail.send(card(row, self.links.of(_keep_of(row)) if self.links and "deadline" in row.values else ""))
        sent = replace(row, values={**row.values, "sent_at": instant_text(await self.clock.read())})
        try:
            await self.tables.commit(Table.OUTBOX, stack, [Replace(sent)])
        except Conflict:
            return  # somebody else has sent it too: told twice is better than not at all

    async def poisoned(self, queue: Queue, name: str) -> None:
        """Raise an alert for a message that failed again and again, and wake its stack all the same."""
        now = await self.clock.read()
        stack = name.partition("|")[0][:40] or "unknown"
        text = f"a message of queue {queue.value} failed again and again: {name[:200]!r}"
        topic = f"{queue.value}!{now:%Y-%m-%dT%H}"
        again = await troubles.note_poison(self.tables, queue, name, now, POISON_PAUSE)
        journal.write([Event(Name.MESSAGE_POISONED, _key_safe(stack), code=queue.value, text="see the log before it")])
        await tell(self.tables, self.bell, Notice("alert", _key_safe(stack), "", "operators", text, topic), now)
        if queue is Queue.RECONCILE and again:
            await self.bell.ring(Queue.RECONCILE, name, POISON_PAUSE)


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the addresses by which people keep a box; they are made for sending, and stored nowhere."""

    public_url: str
    secret: bytes

    def of(self, keep: Keep) -> str:
        """Write the address."""
        return f"{self.public_url}/api/keep?token={keep.token(self.secret)}"


def _keep_of(row: Row) -> Keep:
    said = {name: str(row.values[name]) for name in ("stack", "box", "incarnation", "deadline", "deadline_at")}
    until = instant_of(said["deadline_at"])
    return Keep(said["stack"], said["box"], said["incarnation"], said["deadline"], until)


def card(row: Row, link: str = "") -> dict[str, Any]:
    """Write a notice as the Adaptive Card that a Teams workflow takes, with a button where it has a link."""
    body = [
        {"type": "TextBlock", "weight": "bolder", "text": f"{row.values['kind']}: {row.values['stack']}", "wrap": True},
        {"type": "TextBlock", "text": str(row.values["text"]), "wrap": True},
    ]
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": body,
    }
    if link:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Keep it", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "attachments": [attachment]}


def _key_safe(name: str) -> str:
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_" for letter in name)
