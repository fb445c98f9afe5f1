"""What an hour of each meter costs in USD, where each price is from and of when: the book for when nobody can ask.

One book for all regions. The prices are list prices of somewhere; a deployment that must be right to the cent reads
its own region's from the Retail Prices API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

HOURS_PER_MONTH = 730
"""By which Microsoft's calculator turns a month into hours."""


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one meter: ``usd_per_hour``, read at ``source`` on the day ``as_of``."""

    meter: str
    usd_per_hour: Decimal
    source: str
    as_of: date


class PriceBook:
    """Prices by meter. Immutable."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._prices: Mapping[str, Price] = {price.meter: price for price in prices}

    def price(self, meter: str) -> Price | None:
        """Look a meter up; None where its price is not known, which is not the same as free."""
        return self._prices.get(meter)

    def prices(self) -> tuple[Price, ...]:
        """List all prices."""
        return tuple(self._prices.values())


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
