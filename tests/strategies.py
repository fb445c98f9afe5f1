"""What tests draw at random: schedules around the nights in which clocks change, meters, tenancies, hostile texts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from hypothesis import strategies as st

from lifecycle.costs import Meter, Tenancy
from lifecycle.model import (
    Block,
    BoxIntent,
    BoxStatus,
    Kind,
    Level,
    Login,
    OpenMeter,
    OpenSession,
    Operation,
    OtherHours,
    Policy,
    Power,
    Seen,
    Sighting,
    StackStatus,
    Unknown,
    Verb,
    Warned,
)
from lifecycle.schedule import Schedule
from lifecycle.target import lease_until
from lifecycle.windows import Window
from tests.examples import SCHEDULES

CHANGES: dict[str, tuple[date, ...]] = {
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),  # by half an hour
    "Africa/Casablanca": (date(2026, 2, 15), date(2026, 3, 22)),  # around Ramadan
    "Pacific/Apia": (date(2011, 12, 30), date(2021, 4, 4)),  # a whole day left out
    "Asia/Kathmandu": (date(2026, 5, 1),),  # never, and 45 minutes off the hour
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/Sao_Paulo": (date(2018, 11, 4), date(2018, 2, 18)),  # at midnight
    "Pacific/Kiritimati": (date(1994, 12, 31), date(2026, 5, 1)),  # a day left out, and 14 hours ahead
}
"""Zones, and local dates about which their clocks do something."""

clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 1, 15, 29, 30, 31, 45, 59)))
windows = st.builds(
    Window,
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    clocks,
    clocks,
)


@st.composite
def schedules_at_a_change(draw: st.DrawFn) -> tuple[Schedule, date]:
    """Draw a schedule, and a date on which the clocks of its zone change."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = draw(st.sampled_from(CHANGES[zone]))
    closed = draw(st.frozensets(st.integers(-2, 2).map(lambda days: change + timedelta(days=days)), max_size=2))
    weekly = draw(st.lists(windows, min_size=1, max_size=3).map(tuple))
    return Schedule("drawn", zone, weekly, closed), change


EPOCH = datetime(2026, 3, 27, tzinfo=UTC)
instants = st.integers(0, 6 * 24 * 3600).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
gaps = st.sampled_from((0, 1, 7, 60, 299, 3600, 5 * 3600)).map(lambda seconds: timedelta(seconds=seconds))

_METERS = ("bastion.basic", "ip.standard", "nat", "vm.Standard_D2s_v5", "disk.StandardSSD_LRS", "vm.of_no_known_price")
_BOXES = ("one", "two", "three")
_PEOPLE = ("ada", "bob")


@st.composite
def meters(draw: st.DrawFn) -> Meter:
    """Draw a meter with brackets of any width, open or closed, of a box or shared."""
    claimed_at = draw(instants)
    seen_at = claimed_at + draw(gaps)
    last_seen_at = seen_at + draw(gaps) * draw(st.integers(0, 9))
    closed = draw(st.booleans())
    box = draw(st.sampled_from((None, *_BOXES)))
    return Meter(
        stack=draw(st.sampled_from(("main", "side"))),
        box=box,
        owner=draw(st.sampled_from((None, *_PEOPLE))) if box else None,
        part=draw(st.sampled_from(("bastion", "address", "vm", "disk"))),
        meter=draw(st.sampled_from(_METERS)),
        arm_id="/subscriptions/s",
        opened_claimed_at=claimed_at,
        opened_seen_at=seen_at,
        closed_seen_at=last_seen_at if closed else None,
        closed_absent_at=last_seen_at + draw(gaps) if closed else None,
    )


@st.composite
def tenancies(draw: st.DrawFn) -> Tenancy:
    """Draw who has a box, for a while or still."""
    from_at = draw(instants)
    return Tenancy(
        stack=draw(st.sampled_from(("main", "side"))),
        box=draw(st.sampled_from(_BOXES)),
        owner=draw(st.sampled_from(_PEOPLE)),
        team=draw(st.sampled_from((None, "red"))),
        from_at=from_at,
        until_at=draw(st.none() | gaps.map(lambda gap: from_at + 3 * gap)),
        door=draw(st.sampled_from(("", "", "main", "side"))),
    )


hostile_texts = st.sampled_from(
    (
        "",
        "{x}",
        "[1]",
        "null",
        "true",
        "42",
        "1e9",
        '"',
        "2026-11-23T09:00:00Z",
        "é\u2028ß",
        "a\\b",
        "{}",
        "a; b",
        "<b>",
    )
) | st.text(max_size=40)
names = st.sampled_from(
    ("a", "one", "a-b", "a--b", "a-", "b", "x" * 40, "x" * 39 + "y", "a-vm", "nic")
) | st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)

WEEK_START = datetime(2026, 11, 23, tzinfo=UTC)
"""A Monday; what is drawn of boxes lies in the two weeks about it."""

week_instants = st.integers(-3 * 24 * 12, 7 * 24 * 12).map(lambda fives: WEEK_START + timedelta(minutes=5 * fives))
policies = st.builds(
    Policy,
    idle_limit=st.sampled_from((5, 30, 240)).map(lambda minutes: timedelta(minutes=minutes)),
    warning_lead=st.sampled_from((1, 15, 60)).map(lambda minutes: timedelta(minutes=minutes)),
    closing_grace=st.sampled_from((0, 2, 5)).map(lambda hours: timedelta(hours=hours)),
    wake_hours=st.sampled_from((0.25, 2.0, 14.0)),
    prewarm=st.booleans(),
)
boxes_schedules = st.sampled_from(sorted(SCHEDULES))
unknowns = st.just(Unknown("the list cannot be read"))


@st.composite
def other_hours(draw: st.DrawFn, since_at: datetime) -> OtherHours:
    """Draw another schedule for a while."""
    since_at += timedelta(minutes=30 * draw(st.integers(0, 60)))
    return OtherHours(draw(boxes_schedules), since_at, since_at + timedelta(hours=draw(st.sampled_from((0, 1, 7, 60)))))


@st.composite
def box_intents(draw: st.DrawFn, *, plain: bool = False) -> BoxIntent:
    """Draw what people want of a box; ``plain`` leaves out everything said after the request."""
    requested_at = draw(week_instants)
    after = st.none() | st.integers(1, 60).map(lambda halves: requested_at + timedelta(minutes=30 * halves))
    said: dict[str, Any] = (
        {} if plain else {name: draw(after) for name in ("hold_until", "woken_at", "parked_at", "retired_at")}
    )
    start_at, hours = draw(after), draw(st.sampled_from((0.25, 1.0, 8.0, 50.5, 336.0)))
    return BoxIntent(
        name=draw(names),
        incarnation=draw(hostile_texts),
        owner=draw(hostile_texts),
        requested_by=draw(hostile_texts),
        requested_at=requested_at,
        reason=draw(hostile_texts),
        hours=hours,
        schedule=draw(boxes_schedules),
        vm_size="Standard_D2s_v5",
        login=draw(st.sampled_from(Login)),
        ssh_public_key=draw(st.none() | hostile_texts),
        start_at=start_at,
        until=(start_at or requested_at) + timedelta(hours=hours) if draw(st.booleans()) else None,
        word=draw(hostile_texts),
        other_hours=None if plain else draw(st.none() | other_hours(requested_at)),
        **said,
    )


_EVERY_DAY = tuple((WEEK_START.date() + timedelta(days=day)).isoformat() for day in range(-7, 3))


@st.composite
def box_statuses(draw: st.DrawFn, box: BoxIntent, policy: Policy) -> BoxStatus:
    """Draw how far a box has come: never built, or ready once, with any warnings about the deadlines it may have."""
    if draw(st.booleans()):
        return BoxStatus(box.incarnation)
    first = box.wanted_from_at + timedelta(minutes=draw(st.sampled_from((5, 10, 60))))
    ready = first + timedelta(minutes=draw(st.sampled_from((0, 5, 600))))
    known = BoxStatus(
        box.incarnation,
        level=draw(st.sampled_from(Level)),
        first_ready_at=first,
        ready_at=ready,
        last_open_at=ready + timedelta(minutes=draw(st.sampled_from((0, 20, 600)))),
        target=draw(st.sampled_from(Level)),
        used_on=draw(st.sampled_from(((), _EVERY_DAY))),
    )
    if draw(st.booleans()):
        seen_at, started = draw(week_instants), draw(st.booleans())
        known = replace(
            known, started_by_hand_at=seen_at if started else None, stopped_by_hand_at=None if started else seen_at
        )
    told = draw(st.sampled_from((timedelta(), timedelta(minutes=10), policy.warning_lead)))
    lease_at = lease_until(box, known)
    warned = {"lease": Warned(lease_at, lease_at - told)} if draw(st.booleans()) else {}
    return replace(known, warned=warned)


seen_parts = st.builds(
    Seen,
    hostile_texts,
    st.sampled_from(Sighting),
    st.none() | week_instants,
    st.none() | st.sampled_from(Power),
    st.lists(hostile_texts, max_size=2).map(tuple),
    hostile_texts,
    st.none() | st.booleans(),
    st.none() | hostile_texts,
    st.lists(hostile_texts, max_size=2).map(tuple),
    st.booleans(),
)
blocks = st.builds(
    Block,
    st.sampled_from(Verb),
    hostile_texts,
    hostile_texts,
    st.integers(0, 9),
    week_instants,
    st.booleans(),
    st.booleans(),
    st.none() | week_instants,
)
operations = st.builds(
    Operation,
    hostile_texts,
    st.sampled_from(Verb),
    st.sampled_from(Kind),
    hostile_texts,
    hostile_texts,
    week_instants,
    week_instants,
    token=st.none() | hostile_texts,
    poll_at=st.none() | week_instants,
)


@st.composite
def stack_statuses(draw: st.DrawFn) -> StackStatus:
    """Draw what is known of a stack; each box's parts are those of a box that is known."""
    boxes = draw(st.lists(names, max_size=3, unique=True))
    keys = ["vnet", "bastion", *(f"{kind}!{box}" for box in boxes for kind in ("vm", "nic"))]
    known = {}
    for box in boxes:
        warned = draw(
            st.dictionaries(st.sampled_from(("lease", "cut")), st.builds(Warned, week_instants, week_instants))
        )
        known[box] = BoxStatus(
            draw(hostile_texts),
            draw(st.sampled_from(Level)),
            phase=draw(hostile_texts),
            reason=draw(hostile_texts),
            changes_at=draw(st.none() | week_instants),
            warned=warned,
            connected=draw(st.integers(0, 3)),
        )
    return StackStatus(
        revision=draw(hostile_texts),
        look_again_at=draw(st.none() | week_instants),
        phase=draw(hostile_texts),
        parts=draw(st.dictionaries(st.sampled_from(keys), seen_parts)),
        boxes=known,
        blocks=draw(st.dictionaries(st.sampled_from(keys), blocks, max_size=2)),
        meters=draw(
            st.dictionaries(
                hostile_texts,
                st.builds(OpenMeter, hostile_texts, hostile_texts, week_instants, week_instants),
                max_size=2,
            )
        ),
        sessions=draw(
            st.dictionaries(
                hostile_texts,
                st.builds(OpenSession, hostile_texts, hostile_texts, hostile_texts, week_instants, week_instants),
                max_size=2,
            )
        ),
        drained_at=draw(st.none() | week_instants),
    )
