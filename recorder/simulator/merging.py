"""Books in coarser steps of price: what `merge` asks of a depth."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from recorder.exchange.refusals import MERGE_ERROR
from recorder.simulator.refused import RefusedError

MAX_STEP: Final = Decimal(10**6)
MAX_DIGITS: Final = 20


def step_of(merge: object) -> Decimal | None:
    """The step that is asked for; None for the whole book, which "0" and nothing said mean.

    Steps that a market's `merges` do not list are taken, too: the document's own examples are 0.01 and 0.02,
    of any market. Raises RefusedError for what is no step.
    """
    text = "0" if merge is None or merge == "" else str(merge)
    try:
        step = Decimal(text) if len(text) <= MAX_DIGITS else Decimal("nan")
    except InvalidOperation:
        step = Decimal("nan")
    if not step.is_finite() or not 0 <= step <= MAX_STEP:
        raise RefusedError(MERGE_ERROR, "merge error: give a step of price, or 0 for the whole book")
    return step or None


def merged_push(payload: bytes, step: Decimal) -> bytes:
    """An `update.depth` with its book in these steps."""
    push = msgspec.json.decode(payload)
    return msgspec.json.encode({**push, "result": merged_book(push["result"], step)})


def merged_book(book: dict[str, Any], step: Decimal) -> dict[str, Any]:
    """Asks are counted at the next step above, bids at the next below, so that sides never come closer."""
    told = msgspec.json.decode(msgspec.json.encode(book))
    return {
        **told,
        "asks": _merged(told["asks"], step, up=True),
        "bids": _merged(told["bids"], step, up=False),
    }


def _merged(levels: list[list[str]], step: Decimal, *, up: bool) -> list[list[str]]:
    sums: dict[Decimal, Decimal] = {}
    for price, quantity in levels:
        steps, rest = divmod(Decimal(price), step)
        key = (steps + 1 if up and rest else steps) * step
        sums[key] = sums.get(key, Decimal(0)) + Decimal(quantity)
    return [[_plain(price), _plain(quantity)] for price, quantity in sums.items()]


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
