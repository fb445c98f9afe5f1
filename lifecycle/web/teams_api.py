"""The Teams webhook over HTTP: proves, reads, commands, answers, all within the five seconds Teams gives."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime

from lifecycle.asks import BoxAsk
from lifecycle.commands import Commands, Where
from lifecycle.people import Person, Role
from lifecycle.queries import Queries
from lifecycle.refusals import Refusal, Unwanted
from lifecycle.settings import Settings
from lifecycle.teams.webhook import Forged, Message, read, require_fresh, verify
from lifecycle.teams.words import HELP, About, ListBoxes, Start, understand
from lifecycle.web import fields, views
from lifecycle.web.answers import Answer, Request, answer, problem


class TeamsApi:
    """Lets people of one tenant ask from a Teams channel."""

    def __init__(
        self, commands: Commands, queries: Queries, settings: Settings, real_now: Callable[[], datetime]
    ) -> None:
        self.commands = commands
        self.queries = queries
        self.settings = settings
        self.real_now = real_now

    async def post(self, request: Request) -> Answer:
        """POST /api/teams."""
        if len(request.body) > fields.LARGEST_BODY_BYTES:
            raise fields.TooLarge
        try:
            verify(request.body, request.headers.get("authorization"), self.settings.teams_secret)
            message = read(request.body)
            require_fresh(message, self.real_now(), await self.queries.now())
        except Forged as forged:
            return problem(401, "Not from our Teams", str(forged))
        person = self._person(message)
        if person is None:
            return problem(403, "Not allowed", "this person of this tenant is not configured here")
        try:
            text = await self._do(person, message)
        except Refusal as refusal:
            text = f"That cannot be done: {refusal}"
        return answer(200, {"type": "message", "text": html.escape(text, quote=False)})

    def _person(self, message: Message) -> Person | None:
        """Know a person by tenant and object id, never by a name that anybody may give themselves."""
        if message.tenant != (self.settings.teams_tenant or "").lower():
            return None
        name = self.settings.teams_people.get(message.object_id)
        return Person(name, Role.USER) if name else None

    async def _do(self, person: Person, message: Message) -> str:
        wish, key = understand(message.text), f"teams {message.activity_id}"
        match wish:
            case Start():
                ask = BoxAsk(name=wish.name, hours=wish.hours, reason=fields.reason(wish.reason[:200]) or None)
                where = await self.commands.ask(person, ask, key)
                eta = await self._eta(where)
                return f"{where.stack}/{where.box} is being made; it should be ready at {eta}."
            case About():
                where = await self._say(person, wish, key)
                return f"Noted for {where.stack}/{where.box}: {wish.verb}."
            case ListBoxes():
                return await self._list(person)
            case _:
                return f"I understand: {HELP}"

    async def _say(self, person: Person, wish: About, key: str) -> Where:
        where, reason = Where(wish.stack, wish.box), "from Teams"
        match wish.verb:
            case "extend":
                if wish.hours is None:
                    raise Unwanted("say by how many hours, e.g. extend main/alice 2", "hours")
                return await self.commands.extend(person, where, wish.hours, reason, match=None, key=key)
            case "wake":
                return await self.commands.wake(person, where, wish.hours, reason, match=None, key=key)
            case "park":
                return await self.commands.park(person, where, reason, match=None)
            case _:
                return await self.commands.retire(person, where, reason, match=None)

    async def _eta(self, where: Where) -> str:
        rows = await self.queries.box(where.stack, where.box)
        view = views.box_view(rows, where.box, self.settings.estate)
        return str(view["eta"] or "once")

    async def _list(self, person: Person) -> str:
        lines = []
        async for rows in self.queries.stacks():
            for name in sorted(rows.boxes):
                view = views.box_view(rows, name, self.settings.estate)
                if view["owner"] == person.name and view["phase"] != "gone":
                    lines.append(f"{rows.name}/{name}: {view['phase']} ({view['reason']})")
        return "; ".join(lines) or "You have no boxes."
