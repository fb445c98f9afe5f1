"""What an hour of each meter costs in USD, where each price is from and of when.

``DEFAULT_BOOK`` is one book for all regions, for when nobody can ask: list prices of somewhere. Prices read from the
Retail Prices API are a region's own, each from an instant on; they take precedence from then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

HOURS_PER_MONTH = 730
"""By which Microsoft's calculator turns a month into hours."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one meter: ``usd_per_hour``, read at ``source``, last on the day ``as_of``.

    ``region`` and ``since_at`` (aware UTC, first instant at which it holds) are those of a region's own price; a price
    without them is the book's, for everywhere and ever.
    """

    meter: str
    usd_per_hour: Decimal
    source: str
    as_of: date
    region: str = ""
    since_at: datetime | None = None


class PriceBook:
    """Prices by meter. Immutable."""

    def __init__(self, prices: Iterable[Price]) -> None:
        prices = tuple(prices)
        self._everywhere: Mapping[str, Price] = {price.meter: price for price in prices if price.since_at is None}
        histories: defaultdict[tuple[str, str], list[Price]] = defaultdict(list)
        for price in sorted((each for each in prices if each.since_at), key=lambda each: each.since_at or NEVER):
            histories[price.region, price.meter].append(price)
        self._histories: Mapping[tuple[str, str], Sequence[Price]] = histories

    def price(self, meter: str, region: str = "", at: datetime | None = None) -> Price | None:
        """Look a meter up, at an instant or as of the latest; None where its price is not known, which is not free."""
        history = self._histories.get((region, meter), ())
        holding = [price for price in history if at is None or (price.since_at or NEVER) <= at]
        return holding[-1] if holding else self._everywhere.get(meter) or next(iter(history), None)

    def changes(self, meter: str, region: str = "") -> Iterable[datetime]:
        """Name the instants at which the price of a meter changes."""
        return (price.since_at for price in self._histories.get((region, meter), ()) if price.since_at)

    def prices(self) -> tuple[Price, ...]:
        """List all prices."""
        own = (price for history in self._histories.values() for price in history)
        return (*self._everywhere.values(), *own)

    def with_own(self, prices: Iterable[Price]) -> PriceBook:
        """Give a book in which regions have prices of their own."""
        return PriceBook((*self.prices(), *prices))


NEVER = datetime.max.replace(tzinfo=UTC)
_KOREA = "Retail Prices API, koreacentral"
_SINGAPORE = "Retail Prices API, southeastasia"
_VM = Decimal("0.111")
_DISK_MONTH = Decimal("2.40")

DEFAULT_BOOK = PriceBook(
    [
        Price("bastion.basic", Decimal("0.19"), _KOREA, date(2026, 6, 29)),
        Price("bastion.standard", Decimal("0.29"), _KOREA, date(2026, 6, 29)),
        Price("bastion.premium", Decimal("0.45"), _KOREA, date(2026, 6, 29)),
        Price("bastion.unit", Decimal("0.14"), _KOREA, date(2026, 6, 29)),
        Price("ip.standard", Decimal("0.005"), _SINGAPORE, date(2026, 7, 1)),
        Price("nat", Decimal("0.045"), f"{_SINGAPORE}; the gateway alone, without the traffic", date(2026, 7, 1)),
        Price(
            "vm.Standard_D2s_v5",
            _VM,
            "Linux, uksouth; a published figure without a date, written down on the day given",
            date(2026, 7, 1),
        ),
        Price(
            "vm.Standard_D4s_v5",
            2 * _VM,
            "derived: twice Standard_D2s_v5, since the sizes of a series cost by the core",
            date(2026, 7, 1),
        ),
        Price(
            "disk.StandardSSD_LRS",
            _DISK_MONTH / HOURS_PER_MONTH,
            f"Retail Prices API, koreacentral, E4 LRS Disk (32 GiB): {_DISK_MONTH} a month / {HOURS_PER_MONTH};"
            " operations are not counted",
            date(2026, 9, 9),
        ),
    ]
)
"""The prices of 2026 as third parties published their readings of the list; none was asked for by us."""
