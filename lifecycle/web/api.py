"""The HTTP interface: who asks, what for, and the answer. One method per route and verb."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from lifecycle.caution import Caution
from lifecycle.commands import Commands, Where
from lifecycle.faults import AzureFault
from lifecycle.people import Person, Role
from lifecycle.queries import Queries
from lifecycle.refusals import Forbidden, Missing, Refusal, Stale, Taken, Unwanted
from lifecycle.rules import Invalid
from lifecycle.settings import Settings
from lifecycle.web import fields, views
from lifecycle.web.answers import Answer, Request, answer, problem
from lifecycle.web.fields import Malformed, TooLarge
from lifecycle.web.forms import must_not_be_cross_site
from lifecycle.web.identity import Unauthenticated, caller_of

log = logging.getLogger(__name__)

RETRY_SECONDS = 15
PAGE = 100
SAFE = ("GET", "HEAD", "OPTIONS")
LONGEST_SESSION_ID = 254
STATUSES: dict[type[Refusal], tuple[int, str]] = {
    Forbidden: (403, "Not allowed"),
    Missing: (404, "Not found"),
    Taken: (409, "Conflict"),
    Stale: (412, "Changed since you read it"),
    Unwanted: (422, "Not possible by the rules of this deployment"),
}

Act = Callable[[Request, Person], Awaitable[Answer]]


class Door:
    """Lets people in: authenticates, calls, and turns every refusal into a problem."""

    def __init__(self, settings: Settings) -> None:
        self.auth_enabled = settings.auth_enabled

    async def open(self, request: Request, act: Act) -> Answer:
        """Answer a request that needs a person."""
        try:
            caller = caller_of(request.headers, auth_enabled=self.auth_enabled)
            if request.method not in SAFE:
                must_not_be_cross_site(request)
            return await act(request, caller)
        except Unauthenticated as who:
            return problem(401, "Not signed in", str(who), headers={"WWW-Authenticate": "Bearer"})
        except Exception as trouble:  # noqa: BLE001 -- the last line: every error becomes an answer people can read
            return refusal(trouble)


def refusal(trouble: Exception) -> Answer:
    """Turn whatever went wrong into problem details; a bug tells no more than that it is one."""
    match trouble:
        case TooLarge():
            return problem(413, "Too large", f"must not be larger than {fields.LARGEST_BODY_BYTES} bytes", "body")
        case Malformed() | Invalid():
            return problem(400, "Malformed", trouble.rule, trouble.field)
        case Refusal():
            status, title = STATUSES[type(trouble)]
            return problem(status, title, trouble.rule, trouble.field)
        case AzureFault():
            log.warning("the storage did not answer: %s", trouble.fault.code)
            detail = "the storage does not answer just now; nothing was lost, try again"
            return problem(503, "Not available", detail, headers={"Retry-After": str(RETRY_SECONDS)})
        case _:
            log.error("an HTTP call failed", exc_info=trouble)
            return problem(500, "Internal error", "this is a bug in the app; its log says more")


class BoxApi:
    """Boxes: ask for them, read them, say what should become of them."""

    def __init__(self, commands: Commands, queries: Queries, settings: Settings, costs: CostOfBox) -> None:
        self.commands = commands
        self.queries = queries
        self.settings = settings
        self.cost_of_box = costs

    async def create(self, request: Request, person: Person) -> Answer:
        """POST /api/jumpboxes."""
        person.must_be(Role.USER)
        ask = fields.box_ask(request.body)
        return await self._accepted(await self.commands.ask(person, ask, _key(request)))

    async def every(self, request: Request, person: Person) -> Answer:
        """GET /api/jumpboxes?owner=&phase=&stack=. Boxes that are gone are listed only when asked for."""
        person.must_be(Role.READER)
        query = fields.query(request.query, "owner", "phase", "stack", "after", "limit")
        found = []
        async for rows in self.queries.stacks():
            if query.get("stack", rows.name) == rows.name:
                found += [views.box_view(rows, name, self.settings.estate) for name in sorted(rows.boxes)]
        owner, phase = query.get("owner", "").lower(), query.get("phase")
        shown = [
            box
            for box in found
            if (not owner or box["owner"] == owner) and (box["phase"] == phase if phase else box["phase"] != "gone")
        ]
        return answer(200, page(request, query, shown, lambda box: f"{box['stack']}/{box['name']}"))

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/jumpboxes/{stack}/{name}."""
        person.must_be(Role.READER)
        where = _where(request)
        rows = await self.queries.box(where.stack, where.box)
        cost = await self.cost_of_box(where)
        view = views.box_view(rows, where.box, self.settings.estate, cost)
        return answer(200, view, {"ETag": views.box_tag(rows, where.box)})

    async def extend(self, request: Request, person: Person) -> Answer:
        """POST .../extend {hours, reason?}."""
        said = fields.read(request.body, fields.WORD)
        if "hours" not in said:
            raise Malformed("hours", "is required: by how many hours to extend the lease")
        where = await self.commands.extend(
            person, _where(request), said["hours"], said.get("reason", ""), match=_match(request), key=_key(request)
        )
        return await self._accepted(where)

    async def wake(self, request: Request, person: Person) -> Answer:
        """POST .../wake {hours?, reason?}."""
        said = fields.read(request.body, fields.WORD)
        where = await self.commands.wake(
            person, _where(request), said.get("hours"), said.get("reason", ""), match=_match(request), key=_key(request)
        )
        return await self._accepted(where)

    async def follow(self, request: Request, person: Person) -> Answer:
        """POST .../schedule {schedule, hours, reason?}."""
        said = fields.read(request.body, fields.FOLLOW)
        where = await self.commands.follow(
            person, _where(request), said.get("schedule"), _span(said), said.get("reason", ""), match=_match(request)
        )
        return await self._accepted(where)

    async def park(self, request: Request, person: Person) -> Answer:
        """POST .../park {reason?}."""
        said = fields.read(request.body, fields.REASON)
        where = await self.commands.park(person, _where(request), said.get("reason", ""), match=_match(request))
        return await self._accepted(where)

    async def retire(self, request: Request, person: Person) -> Answer:
        """DELETE /api/jumpboxes/{stack}/{name}."""
        said = fields.read(request.body, fields.REASON)
        where = await self.commands.retire(person, _where(request), said.get("reason", ""), match=_match(request))
        return await self._accepted(where)

    async def _accepted(self, where: Where) -> Answer:
        rows = await self.queries.box(where.stack, where.box)
        headers = {
            "Location": f"/api/jumpboxes/{where.stack}/{where.box}",
            "Retry-After": str(RETRY_SECONDS),
            "ETag": views.box_tag(rows, where.box),
        }
        view = views.box_view(rows, where.box, self.settings.estate)
        return answer(202, {**view, "reason": views.ASKED}, headers)


class StackApi:
    """Stacks, their plans and their sessions."""

    def __init__(self, commands: Commands, queries: Queries, caution: Caution) -> None:
        self.commands = commands
        self.queries = queries
        self.caution = caution

    async def every(self, request: Request, person: Person) -> Answer:
        """GET /api/stacks."""
        person.must_be(Role.READER)
        query = fields.query(request.query, "after", "limit")
        found = [views.stack_view(rows) async for rows in self.queries.stacks()]
        return answer(200, page(request, query, found, lambda stack: str(stack["name"])))

    async def get(self, request: Request, person: Person) -> Answer:
        """GET /api/stacks/{stack}."""
        person.must_be(Role.READER)
        return answer(200, views.stack_view(await self.queries.stack(_name(request, "stack"))))

    async def plan(self, request: Request, person: Person) -> Answer:
        """GET /api/stacks/{stack}/plan."""
        person.must_be(Role.READER)
        outlook = await self.queries.outlook(_name(request, "stack"))
        return answer(200, views.plan_view(outlook.rows, outlook.decision))

    async def plans(self, request: Request, person: Person) -> Answer:
        """GET /api/plan: the plans of all stacks."""
        person.must_be(Role.READER)
        query = fields.query(request.query, "after", "limit")
        names = [rows.name async for rows in self.queries.stacks() if rows.intent is not None]
        cut = page(request, query, [{"name": name} for name in names], lambda stack: str(stack["name"]))
        outlooks = [await self.queries.outlook(stack["name"]) for stack in cut["value"]]
        shown = [views.plan_view(outlook.rows, outlook.decision) for outlook in outlooks]
        return answer(200, {**cut, "dryRun": self.caution.dry_run, "value": shown})

    async def exempt(self, request: Request, person: Person) -> Answer:
        """POST /api/stacks/{stack}/exempt {hours, reason?}."""
        said = fields.read(request.body, fields.SPAN)
        stack = _name(request, "stack")
        await self.commands.exempt(person, stack, _span(said), said.get("reason", ""))
        headers = {"Location": f"/api/stacks/{stack}", "Retry-After": str(RETRY_SECONDS)}
        return answer(202, views.stack_view(await self.queries.stack(stack)), headers)

    async def deletions(self, request: Request, person: Person) -> Answer:
        """GET /api/deletions: how many doors and machines were deleted this hour, of how many."""
        person.must_be(Role.READER)
        fields.query(request.query)
        return answer(200, views.standing_view(await self.commands.tally.standing(await self.queries.now())))

    async def lift_bound(self, request: Request, person: Person) -> Answer:
        """POST /api/deletions {hours, reason?}."""
        said = fields.read(request.body, fields.SPAN)
        await self.commands.lift_bound(person, _span(said), said.get("reason", ""))
        return answer(200, views.standing_view(await self.commands.tally.standing(await self.queries.now())))

    async def sessions(self, request: Request, person: Person) -> Answer:
        """GET /api/stacks/{stack}/sessions."""
        person.must_be(Role.READER)
        fields.query(request.query)
        rows = await self.queries.stack(_name(request, "stack"))
        past = views.past_sessions(await self.queries.sessions(rows.name))
        return answer(200, {"value": [*views.open_sessions(rows), *past], "nextLink": None})

    async def disconnect(self, request: Request, person: Person) -> Answer:
        """DELETE /api/stacks/{stack}/sessions/{sessionId}."""
        said = fields.read(request.body, fields.REASON)
        stack = _name(request, "stack")
        session_id = request.route["session_id"]
        if len(session_id) > LONGEST_SESSION_ID or not session_id.isprintable():
            raise Missing(f"there is no such session in stack {stack}", "session_id")
        await self.commands.disconnect(person, stack, session_id, said.get("reason", ""))
        location = {"Location": f"/api/stacks/{stack}/sessions", "Retry-After": str(RETRY_SECONDS)}
        return answer(202, {"sessionId": session_id, "asked": "disconnect"}, location)


CostOfBox = Callable[[Where], Awaitable[dict[str, Any]]]


def page(
    request: Request, query: dict[str, str], found: list[dict[str, Any]], key: Callable[[dict[str, Any]], str]
) -> dict[str, Any]:
    """Cut a list into pages that stay in step while things come and go: each begins after a key, not a number."""
    limit = _limit(query.get("limit"))
    after = query.get("after", "")
    rest = sorted((item for item in found if key(item) > after), key=key)
    more = len(rest) > limit
    others = {name: value for name, value in query.items() if name not in ("after", "limit")}
    path = urlsplit(request.url).path
    link = f"{path}?{urlencode({'limit': limit, 'after': key(rest[limit - 1]), **others})}" if more else None
    return {"value": rest[:limit], "nextLink": link}


def _limit(text: str | None) -> int:
    if text is None:
        return PAGE
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= PAGE:
        raise Malformed("limit", f"must be a whole number from 1 to {PAGE}")
    return int(text)


def _name(request: Request, param: str) -> str:
    return fields.name_in_path(request.route, param)


def _where(request: Request) -> Where:
    return Where(_name(request, "stack"), _name(request, "name"))


def _span(said: dict[str, Any]) -> float:
    """Read for how long; raises Malformed where nobody says."""
    if "hours" not in said:
        raise Malformed("hours", f"is required: for how long, 0 to {fields.LONGEST_SPAN_HOURS:g}; 0 ends it now")
    return float(said["hours"])


def _match(request: Request) -> str | None:
    return request.headers.get("if-match")


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):  # noqa: PLR2004 -- said in the rule
        raise Malformed("Idempotency-Key", "must be 1 to 255 printable characters")
    return key
