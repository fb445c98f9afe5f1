"""Public holidays by country, from the ``holidays`` library, which is loaded only when a schedule names a country."""

from __future__ import annotations

from datetime import date
from functools import cache

LETTERS = 2
"""Of a country's code by ISO 3166-1 alpha-2; the library also lists longer names."""


@cache
def countries() -> frozenset[str]:
    """List the countries that can be named, by their ISO 3166-1 codes of two letters."""
    import holidays  # noqa: PLC0415 -- slow to load and seldom needed

    return frozenset(code for code in holidays.list_supported_countries() if len(code) == LETTERS)


@cache
def public_holidays(country: str, year: int) -> frozenset[date]:
    """List a year's holidays that hold in the whole country. Raises whatever the library does where it cannot."""
    import holidays  # noqa: PLC0415 -- see above

    return frozenset(holidays.country_holidays(country, years=year))
