"""The Retail Prices API: needs no key, answers in pages, and is believed only when a page is whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lifecycle.cloud.endpoints import Origin, require_safe
from lifecycle.faults import AzureFault, Fault, Meaning
from lifecycle.retail import CURRENCY, Ask, Unbelievable

API_VERSION = "2023-01-01-preview"
MOST_PAGES = 20
LARGEST_PAGE_BYTES = 4 * 1024 * 1024
UNANSWERED_SECONDS = 20.0
OK = 200


class RetailPrices:
    """Reads items of the price list at ``url``. Raises ValueError where it is neither https nor on loopback."""

    def __init__(self, url: str) -> None:
        self._url = require_safe(url, "PRICES_URL")
        self._origin = Origin.of(url)

    async def items(self, ask: Ask) -> list[Any]:
        """Read all items that match, page by page; a next page is followed on the same host only.

        Raises AzureFault without an answer, Unbelievable without a whole one.
        """
        import aiohttp  # noqa: PLC0415 -- only the chore needs it

        query = {"api-version": API_VERSION, "currencyCode": f"'{CURRENCY}'", "$filter": ask.filter}
        found: list[Any] = []
        timeout = aiohttp.ClientTimeout(total=UNANSWERED_SECONDS)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                page = await _read(session, self._url, query)
                for _ in range(MOST_PAGES):
                    found += _items(ask, page)
                    link = page.get("NextPageLink")
                    if not link:
                        return found
                    page = await _read(session, self._next(ask, link), None)
        except (aiohttp.ClientError, TimeoutError) as silence:
            raise AzureFault(Fault(type(silence).__name__, "the price list does not answer", Meaning.RETRY)) from None
        raise Unbelievable(f"{ask.meter}: more than {MOST_PAGES} pages")

    def _next(self, ask: Ask, link: object) -> str:
        """Check where the next page is said to be; the list writes its links with spaces."""
        url = str(link).replace(" ", "%20")
        if not self._origin.owns(url):
            raise Unbelievable(f"{ask.meter}: the next page is elsewhere")
        return url


async def _read(session: Any, url: str, query: Mapping[str, str] | None) -> Mapping[str, Any]:
    async with session.get(url, params=query, allow_redirects=False) as said:
        if said.status != OK:
            raise AzureFault(Fault(f"HTTP {said.status}", "the price list refuses", Meaning.RETRY))
        body = await said.content.read(LARGEST_PAGE_BYTES + 1)
        while len(body) <= LARGEST_PAGE_BYTES and (more := await said.content.read(LARGEST_PAGE_BYTES)):
            body += more
    try:
        page = json.loads(body[:LARGEST_PAGE_BYTES])
    except ValueError:
        raise Unbelievable("an answer that is no JSON, or too long") from None
    if not isinstance(page, dict):
        raise Unbelievable("an answer that is no object")
    return page


def _items(ask: Ask, page: Mapping[str, Any]) -> list[Any]:
    """Take the items of one whole page."""
    items = page.get("Items")
    if not isinstance(items, list) or "NextPageLink" not in page:
        raise Unbelievable(f"{ask.meter}: a page that is not whole")
    if page.get("BillingCurrency") != CURRENCY or page.get("Count", len(items)) != len(items):
        raise Unbelievable(f"{ask.meter}: a page in another currency, or one that is not whole")
    return items
