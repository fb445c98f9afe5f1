"""The demo's verdict fails when anything it told differs from the simulator, and names it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.prices import DEFAULT_BOOK
from sandbox.demo.books import BillRow, Stretch, TrueUse, truth_by_meter
from sandbox.demo.story import Visit, cut_off, gap_of, left_at_the_end, short_name
from sandbox.demo.verdict import Account, differences

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOST = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/bastionHosts/jb-main-bastion"


def row(key: str, hours: float, amount: float) -> BillRow:
    return BillRow(key, hours, hours, amount)


HONEST = Account(
    by_meter=[row("bastion.basic", 2.0, 0.38), row("nat", 1.0, 0.045)],
    by_person=[row("ada", 2.0, 0.3), row("ben", 1.0, 0.125)],
    truth={"bastion.basic": TrueUse(2.0, 2), "nat": TrueUse(1.0, 1)},
    gap=timedelta(minutes=3),
    resources={"disks/d"},
    expected={"disks/d"},
    meters_running=["disk.StandardSSD_LRS"],
    meters_expected=["disk.StandardSSD_LRS"],
)


def told(account: Account) -> str:
    found = differences(account, DEFAULT_BOOK)
    assert len(found) == 1, found
    return found[0]


def with_nat(hours: float, true_hours: float) -> Account:
    meters = [HONEST.by_meter[0], BillRow("nat", hours, min(hours, true_hours), hours * 0.045)]
    people = [row("ada", 2.0 + hours, 0.38 + hours * 0.045)]
    truth = {**HONEST.truth, "nat": TrueUse(true_hours, 1)}
    return replace(HONEST, by_meter=meters, by_person=people, truth=truth)


def test_when_all_agrees_there_is_nothing_to_say() -> None:
    assert differences(HONEST, DEFAULT_BOOK) == []


def test_a_billed_hour_below_the_truth_is_named() -> None:
    assert "nat: billed 1.0000 h, which is below the true 1.0100 h" in told(with_nat(1.0, 1.01))


def test_an_excess_is_fine_up_to_one_look_for_each_interval() -> None:
    assert differences(with_nat(1.05, 1.0), DEFAULT_BOOK) == []
    assert "nat: billed 1.0600 h, 0.0600 h above the truth; 0.0500 h are explained" in told(with_nat(1.06, 1.0))


def test_a_meter_that_nobody_billed_is_named() -> None:
    truth = {**HONEST.truth, "ip.standard": TrueUse(0.5, 1)}
    assert told(replace(HONEST, truth=truth)) == "ip.standard: 0.5000 true hours are on no bill"


def test_a_bill_for_what_never_ran_is_named() -> None:
    truth = {"bastion.basic": TrueUse(2.0, 2)}
    found = differences(replace(HONEST, truth=truth), DEFAULT_BOOK)
    assert "nat: billed 1.0000 h, 1.0000 h above the truth; 0.0000 h are explained" in found


def test_a_lower_bound_above_the_truth_is_named() -> None:
    account = with_nat(1.04, 1.0)
    meters = [account.by_meter[0], replace(account.by_meter[1], least_hours=1.02)]
    assert "nat: at least 1.0200 h by the books" in told(replace(account, by_meter=meters))


def test_an_amount_that_is_not_hours_times_price_is_named() -> None:
    meters = [HONEST.by_meter[0], row("nat", 1.0, 0.05)]
    people = [row("ada", 3.0, 0.43)]
    assert told(replace(HONEST, by_meter=meters, by_person=people)).startswith("nat: 0.0500 USD are not 1.0000 h at")


def test_sums_that_differ_are_named() -> None:
    people = [row("ada", 2.0, 0.3), row("ben", 1.0, 0.2)]
    assert told(replace(HONEST, by_person=people)) == "the sums differ: 0.4250 USD by meter, 0.5000 USD by person"


def test_a_resource_left_over_is_named_and_so_is_one_that_is_missing() -> None:
    assert "disks/x still stands" in told(replace(HONEST, resources={"disks/d", "disks/x"}))
    assert "disks/d is gone" in told(replace(HONEST, resources=set()))


def test_a_meter_that_still_runs_is_named() -> None:
    running = ["disk.StandardSSD_LRS", "bastion.basic"]
    assert told(replace(HONEST, meters_running=running)).startswith("still billing: bastion.basic, disk.Standard")


def test_what_went_otherwise_than_told_fails_too() -> None:
    assert told(replace(HONEST, surprises=["ben was not warned"])) == "ben was not warned"


def test_a_session_whose_door_went_before_its_end_was_cut_off() -> None:
    visit = Visit("ada", HOST, NOON, NOON + timedelta(minutes=30))
    door = Stretch(HOST, "bastion.basic", NOON - timedelta(hours=1), NOON + timedelta(minutes=31))
    assert cut_off([visit], [door]) == []
    early = replace(door, to_at=NOON + timedelta(minutes=29))
    assert cut_off([visit], [early]) == [f"ada was cut off: {HOST} did not stand until 12:30"]


def test_true_intervals_are_summed_by_meter_up_to_an_instant() -> None:
    hour = timedelta(hours=1)
    stretches = [
        Stretch("a", "nat", NOON - 3 * hour, NOON - 2 * hour),
        Stretch("a", "nat", NOON - hour, None),
        Stretch("b", "nat", NOON, None),
    ]
    assert truth_by_meter(stretches, NOON) == {"nat": TrueUse(2.0, 2)}


def test_minutes_that_the_clock_skipped_widen_the_gap() -> None:
    assert gap_of(timedelta(minutes=3), 0) == timedelta(minutes=3)
    assert gap_of(timedelta(minutes=3), 4) == timedelta(minutes=7)


def test_the_story_leaves_two_parked_machines_and_no_door() -> None:
    left, meters = left_at_the_end()
    assert meters == ("disk.StandardSSD_LRS",) * 2
    assert not any("bastionHosts" in name or "publicIP" in name or "jb-data" in name for name in left)
    assert short_name(HOST) == "bastionHosts/jb-main-bastion"
