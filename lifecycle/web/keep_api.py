"""The link in a warning: a page that says what would happen to a box, and a button that puts it off, once.

Nobody signs in here, and a header that says who calls is not read: on a path that the platform does not guard anybody
can write it. Whoever has the link may read, and use it once. The token is the proof, so a form of another
site's cannot be sent without having it; it is written into no log and no row, and the page tells nobody where it is.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from lifecycle.commands import Commands
from lifecycle.links import BadLink, Keep, read
from lifecycle.queries import Queries
from lifecycle.refusals import Missing
from lifecycle.settings import Settings
from lifecycle.web import drawing, views
from lifecycle.web.answers import Answer, Request
from lifecycle.web.fields import TooLarge

LARGEST_FORM_BYTES = 4 * 1024
NO_REFERRER = {"Referrer-Policy": "no-referrer"}
"""The address holds the token."""


class KeepApi:
    """Reads links and uses them."""

    def __init__(self, commands: Commands, queries: Queries, settings: Settings) -> None:
        self.commands = commands
        self.queries = queries
        self.settings = settings

    async def get(self, request: Request) -> Answer:
        """GET /api/keep?token=."""
        token = request.query.get("token", "")
        keep = await self._read(token)
        rows = await self.queries.box(keep.stack, keep.box)
        box = views.box_view(rows, keep.box, self.settings.estate)
        used = keep.mark in rows.boxes[keep.box].value.heard
        text = drawing.keep_page(keep, box, token, self.settings.policy.wake_hours, used=used)
        return drawing.html(200, text, NO_REFERRER)

    async def post(self, request: Request) -> Answer:
        """POST /api/keep, a form with the token."""
        if len(request.body) > LARGEST_FORM_BYTES:
            raise TooLarge
        keep = await self._read(dict(parse_qsl(request.body.decode(errors="replace"))).get("token", ""))
        where = await self.commands.keep(keep)
        rows = await self.queries.box(where.stack, where.box)
        return drawing.html(200, drawing.kept_page(keep, rows.boxes[where.box].value), NO_REFERRER)

    async def _read(self, token: str) -> Keep:
        """Read a token. Raises Missing for one that is no good, saying why."""
        if self.settings.link_secret is None:
            raise Missing("this deployment sends no links", "token")
        try:
            return read(token, self.settings.link_secret, await self.queries.now())
        except BadLink as bad:
            raise Missing(str(bad), "token") from None
