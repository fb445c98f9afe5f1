"""What tests draw at random: schedules around the nights in which clocks change, meters, tenancies, hostile texts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st

from lifecycle.costs import Meter, Tenancy
from lifecycle.schedule import Schedule
from lifecycle.windows import Window

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
    )
