"""The page people look at: what is open, who has it, what comes next, and what it cost. Server-rendered, no script."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.people import Person, Role
from lifecycle.queries import Queries
from lifecycle.settings import Settings
from lifecycle.web import views
from lifecycle.web.answers import Answer, Request
from lifecycle.web.costs_api import CURRENCY, CostApi

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATES = Path(__file__).parent / "templates"
URGENCY = {"blocked": 0, "ready": 1, "waking": 2, "building": 3, "warm": 4, "parking": 5, "retiring": 6, "parked": 7}


@cache
def _style() -> str:
    return (TEMPLATES / "dashboard.css").read_text()


def policy() -> str:
    """Write the page's Content-Security-Policy: no script, and no style but ours, which is named by its hash."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 -- only the page needs it

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["clock"] = lambda instant: f"{instant[:10]} {instant[11:16]} UTC"
    return environment.get_template("dashboard.html")


class Dashboard:
    """Draws the page."""

    def __init__(self, queries: Queries, settings: Settings, costs: CostApi) -> None:
        self.queries = queries
        self.settings = settings
        self.costs = costs

    async def get(self, _request: Request, person: Person) -> Answer:
        """GET /api/dashboard."""
        person.must_be(Role.READER)
        boxes: list[dict[str, Any]] = []
        async for rows in self.queries.stacks():
            boxes += [views.box_view(rows, name, self.settings.estate) for name in sorted(rows.boxes)]
        live = [box for box in boxes if box["phase"] != "gone"]
        live.sort(key=lambda box: (URGENCY.get(box["phase"], 9), box["stack"], box["name"]))
        from markupsafe import Markup  # noqa: PLC0415 -- only the page needs it

        text = _template().render(
            person=person.name,
            now=views.instant(await self.queries.now()),
            boxes=live,
            by_meter=await self.costs.this_month("meter"),
            by_owner=await self.costs.this_month("owner"),
            currency=CURRENCY,
            style=Markup(_style()),  # noqa: S704 -- our own file
        )
        headers = {"Content-Security-Policy": policy(), "Cache-Control": "no-store", "X-Frame-Options": "DENY"}
        return Answer(200, text, "text/html; charset=utf-8", headers)
