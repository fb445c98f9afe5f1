"""Whether what the day told is what the simulator's meters say: every difference, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from lifecycle.prices import PriceBook
from sandbox.demo.books import BillRow, TrueUse

CENT_DUST = 1e-4
"""The app rounds each answered figure to six places; so do sums of a few of them."""


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that is compared at the end of the day."""

    by_meter: Sequence[BillRow]
    by_person: Sequence[BillRow]
    truth: Mapping[str, TrueUse]
    gap: timedelta
    """The largest distance between two looks while anything began or ended."""
    resources: AbstractSet[str]
    """What stands in the simulated Azure, by type and name."""
    expected: AbstractSet[str]
    """What the story says is left."""
    meters_running: Sequence[str]
    meters_expected: Sequence[str]
    """Which meters the story says still run, once for each."""
    surprises: Sequence[str] = ()
    """Where the day did not go as told."""


def bound_hours(use: TrueUse, gap: timedelta) -> float:
    """Say by how much a meter's bill may be above the truth: each interval is wider by one distance at most."""
    return use.intervals * (gap / timedelta(hours=1))


def differences(account: Account, book: PriceBook) -> list[str]:
    """Name everything in which the story and the simulator differ; empty when they agree."""
    return [
        *account.surprises,
        *_meters(account, book),
        *_sums(account.by_meter, account.by_person),
        *_sets("stands", account.resources, account.expected),
        *_running(account.meters_running, account.meters_expected),
    ]


def _meters(account: Account, book: PriceBook) -> Iterator[str]:
    bill = {row.key: row for row in account.by_meter}
    for meter in sorted(account.truth.keys() | bill.keys()):
        use = account.truth.get(meter, TrueUse(0.0, 0))
        row = bill.get(meter)
        if row is None:
            yield f"{meter}: {use.hours:.4f} true hours are on no bill"
            continue
        excess, bound = row.hours - use.hours, bound_hours(use, account.gap)
        if excess < -CENT_DUST:
            yield f"{meter}: billed {row.hours:.4f} h, which is below the true {use.hours:.4f} h"
        if excess > bound + CENT_DUST:
            yield f"{meter}: billed {row.hours:.4f} h, {excess:.4f} h above the truth; {bound:.4f} h are explained"
        if row.least_hours > use.hours + CENT_DUST:
            yield f"{meter}: at least {row.least_hours:.4f} h by the books, but truly {use.hours:.4f} h"
        price = book.price(meter)
        if row.unpriced or price is None:
            yield f"{meter}: has no price"
        elif abs(row.amount - row.hours * float(price.usd_per_hour)) > CENT_DUST:
            yield f"{meter}: {row.amount:.4f} USD are not {row.hours:.4f} h at {price.usd_per_hour} USD"


def _sums(by_meter: Iterable[BillRow], by_person: Iterable[BillRow]) -> Iterator[str]:
    meters, people = tuple(by_meter), tuple(by_person)
    for what, one, other in (
        ("hours", sum(row.hours for row in meters), sum(row.hours for row in people)),
        ("USD", sum(row.amount for row in meters), sum(row.amount for row in people)),
    ):
        if abs(one - other) > CENT_DUST:
            yield f"the sums differ: {one:.4f} {what} by meter, {other:.4f} {what} by person"


def _sets(verb: str, found: AbstractSet[str], told: AbstractSet[str]) -> Iterator[str]:
    yield from (f"{name} still {verb}, but the story says it is gone" for name in sorted(found - told))
    yield from (f"{name} is gone, but the story says it {verb}" for name in sorted(told - found))


def _running(found: Sequence[str], told: Sequence[str]) -> Iterator[str]:
    if sorted(found) != sorted(told):
        yield f"still billing: {_listed(found)}; by the story: {_listed(told)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
