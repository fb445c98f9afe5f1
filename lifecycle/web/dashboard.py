"""The page people look at, and its buttons: gathers what is shown, and passes on what a form says."""

from __future__ import annotations

import asyncio
import math
import secrets
from zoneinfo import ZoneInfo

from lifecycle.commands import Commands, Where
from lifecycle.people import Person, Role
from lifecycle.ports import Row
from lifecycle.queries import Queries
from lifecycle.refusals import Missing
from lifecycle.rows import StackRows
from lifecycle.settings import Settings
from lifecycle.web import fields, troubles
from lifecycle.web.accounts import ONE_DAY, Accounts
from lifecycle.web.answers import Answer, Request
from lifecycle.web.drawing import draw, draw_now, html
from lifecycle.web.fields import Malformed
from lifecycle.web.forms import FormGuard
from lifecycle.web.now import MOST_STACKS, chosen, nearest, now_of
from lifecycle.web.page import Now, Page, Said, Viewer, Word
from lifecycle.web.static_files import addresses

PATH = "/api/dashboard"
CHOICES = (7, 30, 90, 365)
"""Lengths of the period, in days."""
CHOSEN = 30
STACKS_ALERTED = 10
"""Of so many stacks the alerts are read: each is a query of its own."""
SUGGESTED_HOURS = 2.0


class Dashboard:
    """Shows the page and takes its forms."""

    def __init__(self, commands: Commands, queries: Queries, settings: Settings, accounts: Accounts) -> None:
        self.commands = commands
        self.queries = queries
        self.estate = settings.estate
        self.zone = ZoneInfo(settings.zone)
        self.longest = settings.policy.longest_lease_hours
        self.accounts = accounts
        self.guard = FormGuard(plain=settings.local)

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/dashboard?days=&whose=&part=; ``said`` and ``at`` confirm what a form asked for."""
        person.must_be(Role.READER)
        query = fields.query(request.query, "days", "whose", "part", "said", "at")
        days = _days(query.get("days"))
        whose, part = _one_of(query, "whose", ("all", "mine")), _one_of(query, "part", ("page", "now"))
        said = _said(query)
        now = await self._now(person, mine_only=whose == "mine")
        token = self.guard.token(request)
        viewer = Viewer(
            person.name,
            person.role.name.lower(),
            token,
            secrets.token_urlsafe(12),
            min(SUGGESTED_HOURS, self.longest),
            self.longest,
        )
        headers = self.guard.set_cookie(token)
        if part == "now":
            return html(200, draw_now(now, viewer), headers)
        money = await self.accounts.of(days, now.at)
        return html(200, draw(Page(viewer, now, money, days, CHOICES, said, addresses())), headers)

    async def say(self, request: Request, person: Person) -> Answer:
        """POST /api/dashboard/{stack}/{name}/{word}, a form of the page. Back to the page where it is granted."""
        person.must_be(Role.USER)
        form = self.guard.read(request)
        word, where = _word(request), _where(request)
        hours = _hours(form, word)
        once, version = form.pop("once", ""), form.pop("version", None)
        fields.query(form)
        key = (
            f"page|{word.value}|{where.stack}/{where.box}|{hours}|{once[:64]}" if once.isprintable() and once else None
        )
        match word:
            case Word.WAKE:
                await self.commands.wake(person, where, hours, REASON, match=None, key=key)
            case Word.EXTEND:
                await self.commands.extend(person, where, hours, REASON, match=None, key=key)
            case Word.PARK:
                await self.commands.park(person, where, REASON, match=None)
            case Word.RETIRE:
                await self.commands.retire(person, where, REASON, match=version)
        address = f"{PATH}?said={word.value}&at={where.stack}/{where.box}"
        return html(303, "noted", {"Location": address})

    async def _now(self, person: Person, *, mine_only: bool) -> Now:
        now, counts = await self.queries.now(), None
        board, ailing = await asyncio.gather(self.queries.board(), self.queries.ailing(now))
        if len(board) > MOST_STACKS:
            ill = {rows.name for rows in ailing.stacks}
            names, counts = chosen(board, person, ill, mine_only=mine_only)
            stacks = await self.queries.some(names)
        else:
            stacks = [rows async for rows in self.queries.stacks()]
        changes = await self.queries.changes(nearest(stacks, person, mine_only=mine_only))
        alerts = await self._alerts(stacks)
        found = troubles.all_of(stacks, ailing, alerts, now)
        return now_of(stacks, changes, found, self.estate, person, now, self.zone, mine_only=mine_only, counts=counts)

    async def _alerts(self, stacks: list[StackRows]) -> list[Row]:
        """Read the last day's alerts, of stacks long not looked at before others: these are the likeliest."""
        waiting = sorted(
            stacks, key=lambda rows: (rows.status.value.passed_at is not None, rows.status.value.passed_at)
        )
        names = [rows.name for rows in waiting[:STACKS_ALERTED]]
        return await self.queries.alerts(names, await self.queries.now() - ONE_DAY)


REASON = "from the page"


def _days(text: str | None) -> int:
    known = {str(days): days for days in CHOICES}
    if text is not None and text not in known:
        raise Malformed("days", f"must be one of {', '.join(known)}")
    return known[text] if text else CHOSEN


def _one_of(query: dict[str, str], name: str, words: tuple[str, ...]) -> str:
    word = query.get(name, words[0])
    if word not in words:
        raise Malformed(name, f"must be one of {', '.join(words)}")
    return word


def _said(query: dict[str, str]) -> Said | None:
    """Read what is to be confirmed: one of our words about a sound name, so that no link can put words on the page."""
    stack, _, box = query.get("at", "").partition("/")
    known = query.get("said") in list(Word) and fields.NAME.fullmatch(stack) and fields.NAME.fullmatch(box)
    return Said(Word(query["said"]), f"{stack}/{box}") if known else None


def _word(request: Request) -> Word:
    word = request.route["word"]
    if word not in list(Word):
        raise Missing(f"there is no such button; there are {', '.join(Word)}", "word")
    return Word(word)


def _where(request: Request) -> Where:
    return Where(fields.name_in_path(request.route, "stack"), fields.name_in_path(request.route, "name"))


def _hours(form: dict[str, str], word: Word) -> float:
    """Read the hours of a form, which has them whichever button was pressed."""
    text = form.pop("hours", "")
    if word not in (Word.WAKE, Word.EXTEND):
        return 0.0
    try:
        number = float(text) if text.isascii() else math.nan
    except ValueError:
        number = math.nan
    try:
        return fields.hours(number)
    except ValueError as error:
        raise Malformed("hours", str(error)) from None
