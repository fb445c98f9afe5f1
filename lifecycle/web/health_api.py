"""Whether the app runs, for anybody; and what is wrong, for operators whom the platform vouches for."""

from __future__ import annotations

from typing import Any

from lifecycle.faults import AzureFault
from lifecycle.people import Role
from lifecycle.queries import Queries
from lifecycle.settings import Settings
from lifecycle.web import troubles
from lifecycle.web.answers import Answer, Request, answer
from lifecycle.web.identity import Unauthenticated, caller_of
from lifecycle.web.page import Trouble
from lifecycle.web.troubles import KINDS
from lifecycle.web.views import instant

SHOWN = tuple(kind for kind in KINDS if kind != "alert")
"""What is shown here: alerts are news, not a state."""


class HealthApi:
    """Answers probes and operators.

    The principal is read only where the deployment says (``HEALTH_DETAILS``) that the platform's authentication runs
    on this path too: on a path that is excluded from it anybody could send that header.
    """

    def __init__(self, queries: Queries, settings: Settings) -> None:
        self.queries = queries
        self.signed_in_here = settings.auth_enabled and settings.health_details

    async def get(self, request: Request) -> Answer:
        """GET /api/health. A probe is answered from nothing but the fact that the app runs."""
        if not self._is_operator(request):
            return answer(200, {"status": "ok"})
        try:
            return answer(200, await self._details())
        except AzureFault as silence:
            return answer(200, {"status": "trouble", "storage": silence.fault.code})

    def _is_operator(self, request: Request) -> bool:
        """Whether the platform says that an operator asks. Whoever else it is gets what a probe gets."""
        if not self.signed_in_here:
            return False
        try:
            return caller_of(request.headers, auth_enabled=True).may(Role.OPERATOR)
        except Unauthenticated:
            return False

    async def _details(self) -> dict[str, Any]:
        now = await self.queries.now()
        ailing = await self.queries.ailing(now)
        of_stacks = (trouble for rows in ailing.stacks for trouble in troubles.of_stack(rows, now))
        found = [*of_stacks, *troubles.beyond_stacks(ailing)]
        by_kind = {kind: [_view(each) for each in found if each.kind == kind] for kind in SHOWN}
        return {
            "status": "trouble" if found else "ok",
            "at": instant(now),
            "counts": {kind: len(each) for kind, each in by_kind.items()},
            **by_kind,
            "more": not ailing.all_there,
        }


def _view(trouble: Trouble) -> dict[str, Any]:
    return {
        "what": trouble.what,
        "text": trouble.text,
        "since": instant(trouble.since_at),
        "triedAgainAt": instant(trouble.again_at),
    }
