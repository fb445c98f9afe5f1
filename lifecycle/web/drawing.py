"""Draws pages from templates, every value escaped, with the headers that keep a browser to what is ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lifecycle.links import Keep
from lifecycle.model import BoxIntent
from lifecycle.web import charts, figures
from lifecycle.web.answers import Answer
from lifecycle.web.page import Now, Page, Viewer
from lifecycle.web.static_files import addresses

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
HTML = "text/html; charset=utf-8"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: a browser would then send `Origin: null` with our own forms (Fetch standard).
    "Referrer-Policy": "same-origin",
}


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 -- only pages need it

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        money=figures.money,
        hours=figures.hours,
        day=figures.day,
        whole_day=figures.whole_day,
        meter=meter_name,
    )
    environment.globals.update(
        stack=charts.stack, lengths=charts.lengths, gauge=charts.gauge, share=figures.share, files=addresses()
    )
    return environment


def meter_name(key: str) -> str:
    """Write a meter's key for people; one that nobody knows stands as it is."""
    kind, _, rest = key.partition(".")
    names = {"bastion": "Bastion", "ip": "Public IP", "vm": "Machine", "disk": "Disk", "nat": "NAT gateway"}
    if key == "bastion.unit":
        return "Bastion, extra units"
    return f"{names[kind]} {rest}".strip() if kind in names else key


def draw(page: Page) -> str:
    """Draw the whole page."""
    return _render("dashboard.html", page.now, page.viewer, page=page)


def draw_now(now: Now, viewer: Viewer) -> str:
    """Draw the part that is fetched again and again."""
    return _render("now.html", now, viewer)


def _render(template: str, now: Now, viewer: Viewer, **more: object) -> str:
    def moment(at: datetime) -> figures.Moment:
        return figures.moment(at, now.at, now.zone)

    return _environment().get_template(template).render(now=now, viewer=viewer, moment=moment, **more)


def html(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a page that no cache keeps and no other page frames."""
    return Answer(status, text, HTML, {**HEADERS, **(headers or {})})


def keep_page(keep: Keep, box: Mapping[str, Any], token: str, hours: float, *, used: bool) -> str:
    """Draw what a link in a warning shows: what would happen to a box, and the button that puts it off."""
    until = f"{keep.until:%Y-%m-%d %H:%M}"
    page = _environment().get_template("keep.html")
    return page.render(keep=keep, box=box, token=token, hours=f"{hours:g}", until=until, used=used)


def kept_page(keep: Keep, box: BoxIntent) -> str:
    """Draw that it was put off, and until when."""
    held = f"{box.hold_until:%Y-%m-%d %H:%M}" if box.hold_until else ""
    return _environment().get_template("kept.html").render(keep=keep, leased=f"{box.hours:g}", held=held)


def problem_page(problem: Answer) -> Answer:
    """Write a problem for people who look at it in a browser: the same status, the same words."""
    said = json.loads(problem.text)
    kept = {name: value for name, value in problem.headers.items() if name in ("Retry-After", "WWW-Authenticate")}
    text = (
        _environment()
        .get_template("problem.html")
        .render(status=problem.status, title=said["title"], detail=said["detail"])
    )
    return html(problem.status, text, kept)
