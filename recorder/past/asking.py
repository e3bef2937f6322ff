"""What a recorder asks by REST: in rounds, and at once where something was missed.

Some rounds are rarer than a recorder's: of the market list, for no market comes or goes, and of the states,
which are pushed as well. One question of a kind is under way at a time, at the venue's pace.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias

from recorder.exchange.answers import encode_answer
from recorder.exchange.endpoints import (
    MARKET_DEALS,
    MARKET_KLINE,
    MARKET_LIST,
    MARKET_STATE_ALL,
    Endpoint,
)
from recorder.exchange.session import Note
from recorder.past.agenda import MS, SECOND_NS, Action, Agenda
from recorder.past.journal import PastJournal
from recorder.simulator.living import LivingExchange

LIST_EVERY_NS: Final = 600 * SECOND_NS
"""A recorder: 30 s."""
STATES_EVERY_NS: Final = 300 * SECOND_NS
"""A recorder: 60 s."""
DEALS_EVERY_NS: Final = 300 * SECOND_NS
ANSWERED_MS: Final = (20, 60)
MINUTE_S: Final = 60
CANDLE_PERIOD: Final = "1min"

Question: TypeAlias = tuple[Mapping[str, str], Action | None]
"""Parameters, and what to do when it is answered."""


class Asking:
    """The questions of one recorder's process."""

    def __init__(
        self, exchange: LivingExchange, journal: PastJournal, agenda: Agenda, chance: Random
    ) -> None:
        self._exchange = exchange
        self._journal = journal
        self._agenda = agenda
        self._chance = chance
        self._waiting: dict[str, deque[Question]] = {}
        self._busy: set[str] = set()
        self._data: dict[str, Callable[[Mapping[str, str]], Any]] = {
            MARKET_LIST.name: lambda _: exchange.market_list(),
            MARKET_STATE_ALL.name: lambda _: exchange.states(),
            MARKET_DEALS.name: lambda params: exchange.deals(params["market"]),
            MARKET_KLINE.name: lambda params: exchange.klines(
                params["market"], params["type"], int(params["start_time"]), int(params["end_time"])
            ),
        }

    # --- what is asked when -------------------------------------------------------------------------------

    def begin(self, now_ns: int, listed: Action) -> None:
        """Ask for the market list, say when it is there, and go on with the rounds."""
        self.ask(now_ns, MARKET_LIST, {}, listed)
        for every_ns, ask in (
            (LIST_EVERY_NS, partial(self.ask, endpoint=MARKET_LIST, params={})),
            (STATES_EVERY_NS, partial(self.ask, endpoint=MARKET_STATE_ALL, params={})),
            (DEALS_EVERY_NS, lambda t_ns: self._deals(t_ns, sorted(self._exchange.names()))),
        ):
            self._agenda.at(now_ns + every_ns, partial(self._round, every_ns, ask))

    def _round(self, every_ns: int, ask: Action, now_ns: int) -> None:
        ask(now_ns)
        self._agenda.at(now_ns + every_ns, partial(self._round, every_ns, ask))

    def listen(self, now_ns: int, note: Note) -> None:
        """The connection noted something: what was missed before is asked for."""
        if note.kind not in ("confirmed", "heard"):
            return
        rows = note.fields["topics"] if note.kind == "heard" else [row[1:] for row in note.fields["topics"]]
        self._deals(now_ns, [row[1] for row in rows if row[0] == "trade"], urgent=True)
        if any(row[0] == "state" for row in rows):
            self.ask(now_ns, MARKET_STATE_ALL, {}, urgent=True)

    def _deals(self, now_ns: int, markets: Iterable[str], *, urgent: bool = False) -> None:
        for market in markets:
            self.ask(now_ns, MARKET_DEALS, {"market": market}, urgent=urgent)

    def candles(self, now_ns: int, markets: Iterable[str], from_ns: int, to_ns: int) -> None:
        """Ask for the candles of a span that may have been missed; they are closed by now."""
        first_s = from_ns // SECOND_NS // MINUTE_S * MINUTE_S
        bounds = {"start_time": str(first_s), "end_time": str(to_ns // SECOND_NS)}
        for market in markets:
            self.ask(now_ns, MARKET_KLINE, {"market": market, "type": CANDLE_PERIOD, **bounds})

    # --- one after the other ------------------------------------------------------------------------------

    def ask(
        self,
        now_ns: int,
        endpoint: Endpoint,
        params: Mapping[str, str],
        then: Action | None = None,
        *,
        urgent: bool = False,
    ) -> None:
        """Ask in turn, or before all others that wait."""
        waiting = self._waiting.setdefault(endpoint.name, deque())
        (waiting.appendleft if urgent else waiting.append)((params, then))
        if endpoint.name not in self._busy:
            self._next(endpoint, now_ns)

    def _next(self, endpoint: Endpoint, now_ns: int) -> None:
        """The answer is what the venue knows at this moment; it comes a little later."""
        waiting = self._waiting[endpoint.name]
        if not waiting:
            self._busy.discard(endpoint.name)
            return
        self._busy.add(endpoint.name)
        params, then = waiting.popleft()
        body = encode_answer(self._data[endpoint.name](params))
        answered_ns = now_ns + int(self._chance.uniform(*ANSWERED_MS) * MS)

        def answered(t_ns: int) -> None:
            self._journal.answer(t_ns, endpoint.name, params, body, now_ns)
            if then is not None:
                then(t_ns)
            pause_ns = int(endpoint.per_s / endpoint.calls * SECOND_NS)
            self._agenda.at(t_ns + pause_ns, partial(self._next, endpoint))

        self._agenda.at(answered_ns, answered)
