"""A recorder of a simulated exchange's past: it writes the journal that one would have written then.

The journal is like any other. Its lake is made by whoever reads it.
"""

import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from recorder import __version__
from recorder.past.account import PastAccount, PrivateLine
from recorder.past.agenda import SECOND_NS, Agenda
from recorder.past.journal import PastJournal
from recorder.past.life import LOOK_EVERY_NS, Life
from recorder.past.script import Trouble
from recorder.past.wire import Wire
from recorder.simulator.living import LivingExchange
from recorder.simulator.private.keys import credentials

FLUSH_EVERY_NS: Final = 10 * SECOND_NS
"""A recorder writes twenty times a second; of these days nothing is lost in between."""
BORN_AFTER_NS: Final = 5 * SECOND_NS
"""So long after the exchange's the recorder's time begins: no candle of the day before could be missed."""
MINUTE_NS: Final = 60 * SECOND_NS
REPAIR_AFTER_NS: Final = 100 * SECOND_NS
"""So long after a trouble the candles that it cost are closed, final, and asked for."""
CUT: Final = "no close frame received or sent"


class PastRecorder:
    """Lives as far as it is told; `stop` ends it. A context manager, which lets go of the journal."""

    def __init__(
        self,
        directory: Path,
        exchange: LivingExchange,
        start_ns: int,
        seed: int,
        settings: Mapping[str, Any],
        troubles: Iterable[Trouble] = (),
    ) -> None:
        """`directory` is the journal's; `settings` are those that the recorder says it has."""
        self.journal = PastJournal(directory, str(settings["id"]))
        self._settings = settings
        self._chance = Random(f"{seed}:recorder")  # noqa: S311 - a simulation
        self._wire = Wire(exchange, start_ns, seed)
        self._lines: list[Wire | PrivateLine] = [self._wire]
        self._account: PastAccount | None = None
        if exchange.venue is not None:
            keys = credentials(seed, 1)
            self._account = PastAccount(exchange.venue, keys, start_ns, self.journal, seed)
            self._lines.append(self._account.line)
        self._now_ns = start_ns
        self._life: Life | None = None
        self._script = Agenda()
        self._script.at(start_ns + BORN_AFTER_NS, self._begin)
        first_ns = start_ns + MINUTE_NS
        self._script.at(first_ns + REPAIR_AFTER_NS, partial(self._repair, first_ns, None))
        for trouble in troubles:
            begin, end = self._of(trouble)
            self._script.at(trouble.start_ns, begin)
            self._script.at(trouble.end_ns, end)
            repair = partial(self._repair, trouble.start_ns, trouble.market)
            self._script.at(trouble.end_ns + REPAIR_AFTER_NS, repair)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.let_go()

    # --- time ---------------------------------------------------------------------------------------------

    def live(self, until_ns: int) -> None:
        """Let everything happen until then, and write it down."""
        while self._now_ns < until_ns:
            look_ns = (self._now_ns // LOOK_EVERY_NS + 1) * LOOK_EVERY_NS
            now_ns = self._script.before(min(look_ns, until_ns))
            if self._life is not None:
                now_ns = self._life.agenda.before(now_ns)
            self._wire.advance(now_ns)
            if self._account is not None:
                self._account.advance(now_ns)
            self._now_ns = now_ns
            if self._life is not None:
                self._life.hear(now_ns)
                self._life.agenda.act(now_ns)
            self._script.act(now_ns)
            if self._life is not None and now_ns == look_ns:
                self._life.look(now_ns)
            if now_ns % FLUSH_EVERY_NS == 0:
                self.journal.flush(now_ns)
        self.journal.flush(until_ns)

    def stop(self) -> None:
        """The recorder is told to end."""
        if self._life is not None:
            self._end(self._now_ns)

    # --- the recorder's process ---------------------------------------------------------------------------

    def _begin(self, now_ns: int) -> None:
        session = uuid.UUID(int=self._chance.getrandbits(128)).hex
        self.journal.begin(now_ns, session)
        self._life = Life(self._wire, self.journal, self._chance, self._account)
        self._life.start(
            now_ns,
            {
                "recorder": self.journal.recorder,
                "session": session,
                "version": __version__,
                "pid": os.getpid(),
                "receive": "tap",
                "settings": self._settings,
            },
        )

    def _end(self, now_ns: int) -> None:
        assert self._life is not None
        self._life.stop(now_ns, "SIGTERM")
        self.journal.flush(now_ns, last=True)
        self._gone()

    def _kill(self, now_ns: int) -> None:
        self.journal.flush(now_ns)
        self._gone()

    def _gone(self) -> None:
        self.journal.let_go()
        for line in self._lines:
            line.hang_up()
        self._life = None

    # --- trouble ------------------------------------------------------------------------------------------

    def _of(self, trouble: Trouble) -> tuple[Callable[[int], None], Callable[[int], None]]:
        """How a trouble begins, and how it ends."""
        silent = self._wire.silent
        if trouble.kind == "disconnect":
            return self._cut, self._let_in
        if trouble.kind == "silence" and trouble.stream is not None:
            stream = trouble.stream
            return lambda _: silent.add(stream), lambda _: silent.discard(stream)
        if trouble.kind == "lose":
            market, lose = trouble.market or "", self._wire.lose
            return lambda _: lose(market, trouble.trades), lambda _: lose(market, 0)
        return (self._kill if trouble.kind == "crash" else self._end), self._begin

    def _cut(self, now_ns: int) -> None:
        for line in self._lines:
            line.refusing = True
        if self._life is not None:
            self._life.cut(now_ns, CUT)

    def _let_in(self, _: int) -> None:
        for line in self._lines:
            line.refusing = False

    def _repair(self, since_ns: int, market: str | None, now_ns: int) -> None:
        """A recorder asks for the candles that the lake finds missing, or in doubt, when it has found it."""
        if self._life is not None:
            markets = [market] if market else sorted(self._wire.exchange.names())
            self._life.asking.candles(now_ns, markets, since_ns - MINUTE_NS, now_ns - REPAIR_AFTER_NS)
