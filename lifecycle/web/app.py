"""The routes by name: each function of the app has one entry here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from lifecycle.bill import Bill
from lifecycle.commands import Commands
from lifecycle.faults import AzureFault
from lifecycle.ports import Bell, Clock, Tables
from lifecycle.queries import Queries
from lifecycle.refusals import Missing
from lifecycle.settings import Settings
from lifecycle.sweeps import Sweeps
from lifecycle.timetable import Timetable
from lifecycle.web.accounts import Accounts
from lifecycle.web.answers import PROBLEM, Answer, Request, answer
from lifecycle.web.api import Act, BoxApi, Door, StackApi, refusal
from lifecycle.web.audit_api import AuditApi
from lifecycle.web.costs_api import CostApi
from lifecycle.web.dashboard import Dashboard
from lifecycle.web.drawing import problem_page
from lifecycle.web.health_api import HealthApi
from lifecycle.web.keep_api import KeepApi
from lifecycle.web.openapi import document
from lifecycle.web.schedules_api import ScheduleApi
from lifecycle.web.static_files import static
from lifecycle.web.teams_api import TeamsApi

log = logging.getLogger(__name__)

FOR_BROWSERS = ("dashboard", "press_button", "keep_page", "use_link")
"""What people call from a browser: a problem is a page there."""


class Site:
    """Answers every HTTP function, and rings for a few overdue stacks in passing."""

    def __init__(
        self,
        settings: Settings,
        tables: Tables,
        bell: Bell,
        clock: Clock,
        timetable: Timetable,
        commands: Commands,
        queries: Queries,
        sweeps: Sweeps,
        real_now: Callable[[], datetime],
    ) -> None:
        self.door = Door(settings)
        self.sweeps = sweeps
        bill = Bill(tables, bell, clock, settings)
        costs = CostApi(queries, settings, bill)
        boxes = BoxApi(commands, queries, settings, costs.of_box)
        stacks = StackApi(commands, queries, settings.caution)
        schedules = ScheduleApi(tables, bell, clock, queries, timetable)
        page = Dashboard(commands, queries, settings, Accounts(bill, settings))
        self.health = HealthApi(queries, settings)
        self.keeping = KeepApi(commands, queries, settings)
        self.teams = TeamsApi(commands, queries, settings, real_now)
        self.acts: dict[str, Act] = {
            "create_jumpbox": boxes.create,
            "list_jumpboxes": boxes.every,
            "get_jumpbox": boxes.get,
            "retire_jumpbox": boxes.retire,
            "extend_jumpbox": boxes.extend,
            "wake_jumpbox": boxes.wake,
            "follow_schedule": boxes.follow,
            "park_jumpbox": boxes.park,
            "list_stacks": stacks.every,
            "get_stack": stacks.get,
            "plan_stack": stacks.plan,
            "plan_stacks": stacks.plans,
            "exempt_stack": stacks.exempt,
            "get_deletions": stacks.deletions,
            "lift_bound": stacks.lift_bound,
            "list_sessions": stacks.sessions,
            "disconnect_session": stacks.disconnect,
            "list_schedules": schedules.every,
            "get_schedule": schedules.get,
            "put_schedule": schedules.put,
            "delete_schedule": schedules.delete,
            "get_costs": costs.get,
            "get_savings": costs.savings,
            "list_budgets": costs.budgets,
            "get_audit": AuditApi(queries).get,
            "dashboard": page.get,
            "press_button": page.say,
        }

    async def answer(self, name: str, request: Request) -> Answer:
        """Answer one call of the function ``name``."""
        if name == "alive":
            return answer(200, {"status": "ok"})
        if name == "health":
            return await self._unsigned(self.health.get, request)
        if name == "openapi":
            return answer(200, document())
        if name == "static_file":
            return _static(request)
        if name == "teams":
            said = await self._unsigned(self.teams.post, request)
        elif name in ("keep_page", "use_link"):
            said = await self._unsigned(self.keeping.get if name == "keep_page" else self.keeping.post, request)
        else:
            said = await self.door.open(request, self.acts[name])
        if name in FOR_BROWSERS and said.content_type == PROBLEM and "text/html" in request.headers.get("accept", ""):
            said = problem_page(said)
        await self._pass_by()
        return said

    async def _unsigned(self, act: Callable[[Request], Awaitable[Answer]], request: Request) -> Answer:
        """Answer a call that proves itself by what it carries, and not by who signed in."""
        try:
            return await act(request)
        except Exception as trouble:  # noqa: BLE001 -- the last line: every error becomes an answer
            return refusal(trouble)

    async def _pass_by(self) -> None:
        try:
            await self.sweeps.pass_by()
        except AzureFault as silence:
            log.warning("no overdue stacks could be rung: %s", silence.fault.code)
        except Exception:  # the answer is not to be lost over what others left behind
            log.exception("no overdue stacks could be rung")


def _static(request: Request) -> Answer:
    try:
        return static(request)
    except Missing as missing:
        return refusal(missing)
