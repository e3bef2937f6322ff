"""The calls that read an account, typed: see `recorder.exchange.records` for what each record tells.

Lists come page by page, newest first, and end with a short page; the venue's own count is trusted only where
it says that there is more. Histories are asked for up to a fixed second, which is waited for where they have
more than one page: what happens meanwhile moves none. Other lists move, and their records are told once.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from recorder.client.errors import RestError
from recorder.client.market import span
from recorder.client.rest import RestClient
from recorder.exchange.account import Page, read_assets, read_page, read_record, read_records
from recorder.exchange.endpoints import (
    ASSET_HISTORY,
    ASSET_QUERY,
    LEVERAGE,
    MARGIN_ADJUSTABLE,
    ORDER_DEALS,
    ORDER_DETAIL,
    ORDER_FINISHED,
    ORDER_PENDING,
    POSITION_PENDING,
    STOP_FINISHED,
    STOP_PENDING,
    Endpoint,
)
from recorder.exchange.fields import ProtocolError
from recorder.exchange.records import (
    AdjustableMargin,
    Asset,
    Fill,
    LedgerEntry,
    Leverage,
    Order,
    Position,
    StopOrder,
)
from recorder.exchange.refusals import PAGE_ERROR, PAGE_SIZE_ERROR

T = TypeVar("T")
PAGE_SIZE: Final = 100
MIN_PAGE_SIZE: Final = 10
"""The document's own samples ask for as many; a venue that refuses more is asked for fewer, down to these."""
MAX_PAGES: Final = 10_000
"""A venue that never gives a short page is asked no longer."""


@dataclass(frozen=True, slots=True)
class _Opening(Generic[T]):
    """A list's first page, how many records the others are asked to have, and whether there are none."""

    page: Page[T]
    size: int
    is_last: bool


class AccountCalls:
    """Raises RestError where a call gives no data, ProtocolError where it gives something else."""

    def __init__(
        self, rest: RestClient, notices: Counter[str], page_size: int = PAGE_SIZE, tries: int = 1
    ) -> None:
        """`tries` is how often something is asked that may succeed later, before its error is raised."""
        self._rest = rest
        self._notices = notices
        self._page_size = page_size
        self._tries = tries

    async def assets(self) -> list[Asset]:
        """Every currency of the account."""
        return self._read(read_assets, await self._data(ASSET_QUERY))

    async def positions(self, market: str | None = None) -> list[Position]:
        """The open positions, of one market or of all."""
        data = await self._data(POSITION_PENDING, {"market": market})
        return self._read(lambda data, told: read_records(Position, data, told), data)

    async def adjustable_margin(self, market: str, position_id: int) -> AdjustableMargin:
        """How much margin may be put into a position, or taken out of it."""
        asked = {"market": market, "position_id": str(position_id)}
        return await self._one(AdjustableMargin, MARGIN_ADJUSTABLE, asked)

    async def leverage(self, market: str) -> Leverage:
        """How positions of a market are opened."""
        return await self._one(Leverage, LEVERAGE, {"market": market})

    async def order(self, market: str, order_id: int) -> Order:
        """One order, open or not."""
        return await self._one(Order, ORDER_DETAIL, {"market": market, "order_id": str(order_id)})

    def open_orders(self, market: str | None = None) -> AsyncIterator[Order]:
        """The orders that are not finished, of one market or of all."""
        return self._list(Order, ORDER_PENDING, {"market": market}, lambda order: order.order_id)

    def open_stops(self, market: str | None = None) -> AsyncIterator[StopOrder]:
        """The stop orders that still wait, of one market or of all."""
        return self._list(StopOrder, STOP_PENDING, {"market": market}, lambda stop: stop.contract_order_id)

    def finished_stops(self, market: str | None = None) -> AsyncIterator[StopOrder]:
        """The stop orders that wait no more, newest first; the venue takes no bounds of time here."""
        return self._list(StopOrder, STOP_FINISHED, {"market": market}, lambda stop: stop.contract_order_id)

    def finished_orders(
        self, market: str, start_s: int | None = None, end_s: int | None = None
    ) -> AsyncIterator[Order]:
        """The orders of a market that are filled or cancelled, within bounds (seconds)."""
        return self._history(Order, ORDER_FINISHED, {"market": market}, start_s, end_s)

    def fills(self, market: str, start_s: int | None = None, end_s: int | None = None) -> AsyncIterator[Fill]:
        """The account's executions in a market, within bounds (seconds)."""
        return self._history(Fill, ORDER_DEALS, {"market": market}, start_s, end_s)

    def ledger(
        self,
        asset: str | None = None,
        business: str | None = None,
        start_s: int | None = None,
        end_s: int | None = None,
    ) -> AsyncIterator[LedgerEntry]:
        """The changes of balances, of one asset or all, of one kind or all, within bounds (seconds)."""
        asked = {"asset": asset, "business": business}
        return self._history(LedgerEntry, ASSET_HISTORY, asked, start_s, end_s)

    # --- how it is asked ----------------------------------------------------------------------------------

    async def _data(self, endpoint: Endpoint, asked: Mapping[str, str | None] | None = None) -> Any:
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        for _ in range(self._tries - 1):
            try:
                return (await self._rest.call(endpoint, given)).data
            except RestError as error:  # the pace of the next try is the endpoint's
                if not error.retryable:
                    raise
        return (await self._rest.call(endpoint, given)).data

    def _read(self, read: Callable[[Any, list[str]], T], data: Any) -> T:
        told: list[str] = []
        found = read(data, told)
        self._notices.update(told)
        return found

    async def _one(self, kind: type[T], endpoint: Endpoint, asked: Mapping[str, str | None]) -> T:
        data = await self._data(endpoint, asked)
        return self._read(lambda data, told: read_record(kind, data, told), data)

    async def _history(
        self,
        kind: type[T],
        endpoint: Endpoint,
        asked: dict[str, str | None],
        start_s: int | None,
        end_s: int | None,
    ) -> AsyncIterator[T]:
        """Every record within the bounds. Where there is more than one page, none is asked for before the
        last second is over: what happens later moves no page."""
        bounded = {**asked, **span(start_s, end_s)}
        opening = await self._opening(kind, endpoint, bounded)
        if not opening.is_last:
            clock = self._rest.clock
            now_s = clock.ts(time.time())
            until_s = now_s if end_s is None else min(int(end_s), now_s)
            wait_s = clock.wait_s(until_s + 1, time.time())
            if end_s is None or wait_s > 0:
                await asyncio.sleep(wait_s)
                bounded = {**asked, **span(start_s, until_s)}
                opening = await self._opening(kind, endpoint, bounded)
        async for page in self._following(kind, endpoint, bounded, opening):
            for record in page.records:
                yield record

    async def _list(
        self, kind: type[T], endpoint: Endpoint, asked: dict[str, str | None], key: Callable[[T], object]
    ) -> AsyncIterator[T]:
        """Every record of a list that may move from page to page: by its `key` once."""
        seen = set[object]()
        opening = await self._opening(kind, endpoint, asked)
        async for page in self._following(kind, endpoint, asked, opening):
            for record in page.records:
                if key(record) not in seen:
                    seen.add(key(record))
                    yield record

    async def _following(
        self, kind: type[T], endpoint: Endpoint, asked: dict[str, str | None], opening: _Opening[T]
    ) -> AsyncIterator[Page[T]]:
        """The first page and all others."""
        page, is_last, came = opening.page, opening.is_last, opening.page.told
        yield page
        for number in range(2, MAX_PAGES + 1):
            if is_last:
                return
            before, page = page, await self._page(kind, endpoint, asked, number, opening.size)
            if page.records and page.records == before.records:
                if _is_short(before, self._page_size):
                    return  # the venue has no pages here
                raise ProtocolError(f"{endpoint.path}: page {number} is page {number - 1} again")
            came += page.told
            is_last = _is_last(page, opening.size, came)
            yield page
        if not is_last:
            raise ProtocolError(f"{endpoint.path}: no short page within {MAX_PAGES:,}")

    async def _opening(self, kind: type[T], endpoint: Endpoint, asked: dict[str, str | None]) -> _Opening[T]:
        page, size = await self._first_page(kind, endpoint, asked, self._page_size)
        if page.told and page.told % 10 == 0 and _is_short(page, size):
            return _Opening(page, page.told, is_last=False)  # a venue's limit is round, and not always told
        return _Opening(page, size, _is_last(page, size, page.told))

    async def _first_page(
        self, kind: type[T], endpoint: Endpoint, asked: dict[str, str | None], size: int
    ) -> tuple[Page[T], int]:
        """It, and how many records were asked for: fewer where the venue refuses so many, from then on."""
        try:
            return await self._page(kind, endpoint, asked, 1, size), size
        except RestError as error:
            if error.code != PAGE_SIZE_ERROR or size <= MIN_PAGE_SIZE:
                raise
        self._page_size = max(size // 2, MIN_PAGE_SIZE)
        return await self._first_page(kind, endpoint, asked, self._page_size)

    async def _page(
        self, kind: type[T], endpoint: Endpoint, asked: dict[str, str | None], number: int, size: int
    ) -> Page[T]:
        place = {"page": str(number), "page_size": str(size)}
        try:
            data = await self._data(endpoint, asked | place)
        except RestError as error:
            if number > 1 and error.code == PAGE_ERROR:
                return Page([], 0)  # the one before was the last
            raise
        return self._read(lambda data, told: read_page(kind, data, told), data)


def _is_last(page: Page[T], size: int, came: int) -> bool:
    """Whether nothing comes after it, of all pages so many records having come."""
    return not page.told or (_is_short(page, size) and page.count <= came)


def _is_short(page: Page[T], size: int) -> bool:
    """A page that is not full is the last, unless the venue counts more: it may have cut it short."""
    return page.told < min(size, page.size or size)
