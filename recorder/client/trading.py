"""The calls that change something. Nothing in the recorder uses them; they are here because the exchange's
document has them, and a client has them only if it was made with `trading=True`.

Prices and quantities are `Decimal` or text, never float: a binary fraction is not the number that was meant.
A call that failed without an answer may have been carried out, though RestError says `retryable`: look at the
account's open and finished orders first.
"""

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from recorder.client.rest import RestClient
from recorder.exchange.account import read_record
from recorder.exchange.endpoints import (
    ADJUST_MARGIN,
    CLOSE_LIMIT,
    CLOSE_MARKET,
    CLOSE_STOP,
    LIMIT_ORDER,
    MARKET_ORDER,
    ORDER_CANCEL,
    ORDER_CANCEL_ALL,
    SET_LEVERAGE,
    STOP_CANCEL,
    STOP_CANCEL_ALL,
    STOP_ORDER,
    Endpoint,
)
from recorder.exchange.enums import MarginChange, PositionType, PriceType, Side
from recorder.exchange.fields import integer
from recorder.exchange.records import Position

Amount = Decimal | str
"""An exact decimal, in the unit that the call names."""
OID_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Stops:
    """Prices (quote units) at which a position is closed, and which price is watched for each."""

    stop_loss: Amount | None = None
    take_profit: Amount | None = None
    stop_loss_type: PriceType = PriceType.LAST
    take_profit_type: PriceType = PriceType.LAST

    def params(self) -> dict[str, str]:
        """As the wire has them; what is None is absent."""
        found: dict[str, str] = {}
        for name, price, kind in (
            ("stop_loss", self.stop_loss, self.stop_loss_type),
            ("take_profit", self.take_profit, self.take_profit_type),
        ):
            if price is not None:
                found |= {f"{name}_price": text_of(price), f"{name}_price_type": str(int(kind))}
        return found


class TradingCalls:
    """Raises RestError where the venue refuses a call or does not answer it."""

    def __init__(self, rest: RestClient, notices: Counter[str]) -> None:
        self._rest = rest
        self._notices = notices

    async def limit_order(
        self,
        market: str,
        side: Side,
        price: Amount,
        quantity: Amount,
        *,
        client_oid: str | None = None,
        stops: Stops | None = None,
    ) -> int:
        """Offer `quantity` (base units) at `price` (quote units); returns the order's id."""
        asked = {"market": market, "side": side, "price": price, "quantity": quantity}
        return await self._id(LIMIT_ORDER, asked | _named(client_oid) | _stops(stops))

    async def market_order(
        self,
        market: str,
        side: Side,
        quantity: Amount,
        *,
        client_oid: str | None = None,
        stops: Stops | None = None,
    ) -> int:
        """Take `quantity` (base units) at the market's prices; returns the order's id."""
        asked = {"market": market, "side": side, "quantity": quantity}
        return await self._id(MARKET_ORDER, asked | _named(client_oid) | _stops(stops))

    async def cancel_order(self, market: str, order_id: int) -> int:
        """Returns the id of the order that is cancelled."""
        return await self._id(ORDER_CANCEL, {"market": market, "order_id": order_id})

    async def cancel_all_orders(self, market: str) -> None:
        """Every open order of a market."""
        await self._call(ORDER_CANCEL_ALL, {"market": market})

    async def stop_order(
        self,
        market: str,
        side: Side,
        stop_price: Amount,
        cut_price: Amount,
        quantity: Amount,
        *,
        stop_price_type: PriceType = PriceType.LAST,
        order_price: Amount | None = None,
    ) -> None:
        """Order when a price reaches `stop_price`, at `order_price` or (None) at the market's.

        `cut_price` is the market's last price now, from which the venue knows the direction.
        """
        asked = {
            "market": market, "side": side, "stop_price": stop_price, "cut_price": cut_price,
            "stop_price_type": stop_price_type, "quantity": quantity, "order_price": order_price,
        }  # fmt: skip
        await self._call(STOP_ORDER, asked)

    async def cancel_stop(self, market: str, order_id: int | str) -> int:
        """`order_id` is the stop's `contract_order_id`; returns the venue's answer, an id."""
        return await self._id(STOP_CANCEL, {"market": market, "order_id": order_id})

    async def cancel_all_stops(self, market: str) -> None:
        """Every waiting stop order of a market."""
        await self._call(STOP_CANCEL_ALL, {"market": market})

    async def set_leverage(self, market: str, leverage: Amount, position_type: PositionType) -> None:
        """How positions of a market are opened from now on."""
        await self._call(
            SET_LEVERAGE, {"market": market, "leverage": leverage, "position_type": position_type}
        )

    async def adjust_margin(self, market: str, change: MarginChange, quantity: Amount) -> Position:
        """Put margin (quote units) into a market's position or take it out; returns the position after it."""
        data = await self._call(ADJUST_MARGIN, {"market": market, "type": change, "quantity": quantity})
        told: list[str] = []
        position = read_record(Position, data, told)
        self._notices.update(told)
        return position

    async def close_limit(
        self, market: str, position_id: int, quantity: Amount, price: Amount, *, client_oid: str | None = None
    ) -> int:
        """Offer to close `quantity` (base units) of a position at `price`; returns the order's id."""
        asked = {"market": market, "position_id": position_id, "quantity": quantity, "price": price}
        return await self._id(CLOSE_LIMIT, asked | _named(client_oid))

    async def close_market(self, market: str, position_id: int, *, client_oid: str | None = None) -> int:
        """Close a position at the market's prices; returns the order's id."""
        return await self._id(
            CLOSE_MARKET, {"market": market, "position_id": position_id} | _named(client_oid)
        )

    async def close_stop(self, market: str, position_id: int, stops: Stops) -> None:
        """Set or change where a position is closed by itself."""
        await self._call(CLOSE_STOP, {"market": market, "position_id": position_id} | stops.params())

    async def _call(self, endpoint: Endpoint, asked: Mapping[str, Any]) -> Any:
        given = {name: text_of(value) for name, value in asked.items() if value is not None}
        return (await self._rest.call(endpoint, given, urgent=True)).data

    async def _id(self, endpoint: Endpoint, asked: Mapping[str, Any]) -> int:
        return integer(await self._call(endpoint, asked), f"{endpoint.path}: the id")


def text_of(value: object) -> str:
    """A parameter as the wire's text. Raises TypeError for a float."""
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a binary fraction: give a Decimal or a text")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(int(value) if isinstance(value, int) else value)  # an enum is its number


def _named(client_oid: str | None) -> dict[str, str]:
    """Every order has a name of its own, for the document wants one of a market order."""
    return {"client_oid": client_oid or secrets.token_hex(OID_BYTES)}


def _stops(stops: Stops | None) -> dict[str, str]:
    found = stops.params() if stops is not None else {}
    return found | {"is_stop": "true"} if found else {}
