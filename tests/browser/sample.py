"""A team's Monday as the page should show it: boxes in many phases, made by the app itself, and a month of books."""

from __future__ import annotations

from datetime import datetime, timedelta

from lifecycle.commands import Where
from lifecycle.ledger import Page, keep, meter_row
from lifecycle.meters import Books
from lifecycle.model import OpenMeter
from lifecycle.notices import Notice, tell
from lifecycle.observation import MeterChange
from lifecycle.people import Person, Role
from lifecycle.ports import Row
from lifecycle.rows import instant_text
from tests.world.harness import World

HOSTILE = "\"'><script>alert(1)</script></title></svg><img src=x onerror=alert(2)>"
ADA, BEN, CHLOE, DEV = (Person(f"{name}@example.com", Role.USER) for name in ("ada", "ben", "chloe", "devrim"))
DAYS_BEFORE = 45
PLACE = {
    "TIME_ZONE": "Europe/Berlin",
    "WEBSITE_AUTH_ENABLED": "true",
    "TEAMS": '{"ada@example.com": "payments", "ben@example.com": "payments", "@example.com": "platform"}',
    "BUDGETS": '{"team/payments": {"usd": 60}, "team/platform": {"usd": 60}, "stack/data": {"usd": 30}}',
}


async def a_quiet_morning() -> World:
    """Make a world in which nobody has asked for anything yet."""
    return World(PLACE)


async def a_busy_monday() -> World:
    """Make a world at late morning: in use, open, warm, parked, being built, blocked, and an alert."""
    world = World(PLACE, start=datetime.fromisoformat("2026-11-23T07:00:00Z"))
    await _books_before(world)
    main = await world.ask(ADA, stack="main", name="ada", reason="patching the payments cluster", hours=9)
    data = await world.ask(CHLOE, stack="data", name="warehouse", reason="reading the warehouse", hours=10)
    edge = await world.ask(DEV, stack="edge", name="gateways", reason="firmware of the gateways", hours=30)
    for where in (main, data, edge):
        await world.until_phase(where, "ready")
    world.connect(main, minutes=600, user=ADA.name)
    await world.commands.park(DEV, edge, "lunch", match=None)
    world.arm.faults.add("refuse:SkuNotAvailable", "PUT .*jb-gpu_train-vm", times=None)
    await world.ask(BEN, stack="gpu", name="train", reason="training run", hours=12)
    await world.pass_by(minutes=60)
    await world.ask(BEN, stack="main", name="ben", reason="log search", hours=6)
    await world.pass_by(minutes=25)
    await world.ask(CHLOE, stack="lab", name="image", reason="trying the new image", hours=4)
    await world.pass_by(minutes=4)
    text = "a message of queue notify failed again and again: 'edge|ready!gateways'"
    alert = Notice("alert", "edge", "", "operators", text, "notify")
    await tell(world.tables, world.bell, alert, world.now - timedelta(minutes=12))
    return world


async def hostile(world: World) -> Where:
    """Have somebody ask who hopes that the page runs what they write."""
    eve = Person(f"eve{HOSTILE}", Role.USER)
    where = await world.ask(eve, stack="main", name="eve", reason=HOSTILE)
    text = f"a message failed: {HOSTILE}"
    await tell(world.tables, world.bell, Notice("alert", "main", "", "operators", text, "t"), world.now)
    await world.pass_by(minutes=1)
    return where


async def _books_before(world: World) -> None:
    """Write a month and a half of working days into the books: who had a box, and what of it billed."""
    teams = {"main": (ADA, BEN), "data": (CHLOE,), "edge": (DEV,)}
    for stack, people in teams.items():
        rows = [row for number in range(1, DAYS_BEFORE) for row in _working_day(world, stack, people, number)]
        for at in range(0, len(rows), 90):
            await keep(world.tables, Page(stack, tuple(rows[at : at + 90]), (), Books()))


def _working_day(world: World, stack: str, people: tuple[Person, ...], number: int) -> list[Row]:
    day = world.start - timedelta(days=number)
    if day.weekday() > 4:
        return []
    length = timedelta(hours=2 + (number * 7 + len(stack) * 3) % 6)
    door = "bastion.standard" if stack == "data" else "bastion.basic"
    rows = [_interval("bastion", door, day, length), _interval("address", "ip.standard", day, length)]
    for person in people:
        name = person.name.partition("@")[0]
        rows += [
            _interval(f"vm!{name}", "vm.Standard_D2s_v5", day, length + timedelta(hours=2), person.name),
            _interval(f"disk!{name}", "disk.StandardSSD_LRS", day, timedelta(hours=11), person.name),
            Row(
                f"tenancy|{name}|past{number}",
                {
                    "box": name,
                    "owner": person.name,
                    "machine": "vm.Standard_D2s_v5",
                    "region": "westeurope",
                    "from_at": instant_text(day),
                    "until_at": instant_text(day + timedelta(hours=11)),
                },
            ),
        ]
    return rows


def _interval(part: str, meter: str, from_at: datetime, length: timedelta, owner: str = "") -> Row:
    box = part.partition("!")[2]
    change = MeterChange(
        part, OpenMeter(meter, f"/{part}", from_at, from_at + length, from_at), from_at + length, from_at + length
    )
    return meter_row(change, {box: owner})
