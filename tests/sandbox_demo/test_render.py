"""The demo's lines fit a terminal, and are plain where nobody wants colours."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lifecycle.costs import Meter
from lifecycle.prices import DEFAULT_BOOK, HOURS_PER_MONTH
from sandbox.demo import render
from sandbox.demo.books import WORKING_DAYS, BillRow, Saving, TrueUse, saving
from sandbox.demo.chronicle import act_event
from sandbox.demo.render import Event, Paint

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PLAIN = Paint(on=False)
ROWS = [BillRow("vm.Standard_D2s_v5", 19.0463, 18.0, 2.1142)]


def audit_row(subject: str, action: str, outcome: str) -> dict[str, str]:
    return {
        "subject": f"/subscriptions/s/resourceGroups/g/providers/{subject}",
        "action": action,
        "outcome": outcome,
        "reason": "bastion is not wanted any more",
        "at": "2026-11-24T12:00:00Z",
    }


def test_no_line_is_wider_than_a_hundred_columns() -> None:
    long = Event(NOON, "main/ada", "is ready", "somebody is connected, " * 20)
    gap = timedelta(minutes=3)
    lines = [
        *render.title_lines(NOON, PLAIN),
        *render.event_lines(long, PLAIN),
        *render.bill_lines(ROWS, {"vm.Standard_D2s_v5": TrueUse(19.0463, 4)}, gap, NOON, PLAIN),
        *render.people_lines(ROWS, PLAIN),
        *render.saving_lines(Saving(11.2, 3.0, 8.12, 65.8, 534.9), PLAIN),
        *render.verdict_lines(["something differs, and it is long " * 9], ["disks/jb-main_ada-osdisk"] * 9, 40, PLAIN),
    ]
    assert max(map(len, lines)) <= render.WIDTH
    assert not any("\x1b" in line for line in lines)


def test_colours_change_nothing_but_the_colours() -> None:
    event = Event(NOON, "ada", "asks", "why " * 40, "bold")
    plain, coloured = (render.event_lines(event, Paint(on=on)) for on in (False, True))
    assert "\x1b[1m" in "".join(coloured)
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == plain


@pytest.mark.parametrize(
    ("environment", "tty", "wanted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], tty: bool, wanted: bool) -> None:
    assert render.wants_colour(environment, tty=tty) is wanted


def test_the_verdict_names_what_differs() -> None:
    assert "simulator's meters say" in "\n".join(render.verdict_lines([], [], 40, PLAIN))
    wrong = "\n".join(render.verdict_lines(["nat: too little"], [], 40, PLAIN))
    assert "  - nat: too little" in wrong
    assert "is what the simulator's meters say" not in wrong


def test_the_saving_is_against_machines_that_nobody_turns_off() -> None:
    end = NOON + timedelta(hours=10)
    door = Meter("main", None, None, "bastion", "bastion.basic", "id", NOON, NOON, NOON, NOON + timedelta(hours=1))
    address = Meter("main", None, None, "ip-bastion", "ip.standard", "id", NOON, NOON, NOON, NOON + timedelta(hours=1))
    found = saving([door, address], ["ip.standard"], DEFAULT_BOOK, (NOON, end), 0.195)
    assert found.day_always_on == pytest.approx(1.95)
    assert found.month_always_on == pytest.approx(0.195 * HOURS_PER_MONTH)
    rest = float(Decimal("0.005")) * (HOURS_PER_MONTH - WORKING_DAYS * 10)
    assert found.month == pytest.approx(WORKING_DAYS * 0.195 + rest)


def test_of_the_audit_the_doors_and_machines_are_told_and_every_failure_of_theirs() -> None:
    told = act_event("main", audit_row("Microsoft.Network/bastionHosts/jb-main-bastion", "delete", "intended"))
    assert told is not None
    assert told.what == "the Bastion jb-main-bastion is being deleted"
    assert told.why == "bastion is not wanted any more"
    failed = act_event("main", audit_row("Microsoft.Compute/virtualMachines/jb-main_ada-vm", "put", "failed"))
    assert failed is not None
    assert failed.what == "the machine jb-main_ada-vm put: failed"
    assert act_event("main", audit_row("Microsoft.Network/virtualNetworks/jb-main-vnet", "put", "done")) is None
    assert act_event("main", audit_row("Microsoft.Network/bastionHosts/jb-main-bastion", "put", "intended")) is None
