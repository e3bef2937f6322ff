"""The pushes of a block of the journal as gaps ask for them: who was heard first, what was traded last."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recorder.lake.decoding.decoder import Decoded
from recorder.lake.decoding.harvest import PUSH_TABLES
from recorder.lake.gaps.state import NEAR, Heard, Key
from recorder.lake.store.files import as_us
from recorder.lake.store.tables import SOURCE


class BlockPushes:
    """The pushes of one decoded block, looked up between two sequence numbers."""

    def __init__(self, decoded: Decoded) -> None:
        self._decoded = decoded

    def firsts(self, stream: str, keys: set[Key], from_seq: int, below_seq: int) -> dict[Key, Heard]:
        """Receive time in us and seq of each key's first push."""
        if stream not in PUSH_TABLES:
            return {}  # a journal of a version that records more than this one reads
        rows = self._between(getattr(self._decoded, PUSH_TABLES[stream].name), from_seq, below_seq)
        if not rows.num_rows:
            return {}
        if stream == "state":
            return dict.fromkeys(keys, (rows["ts_recv"].cast(pa.int64())[0].as_py(), rows["seq"][0].as_py()))
        rows = rows.filter(pc.is_in(rows["market"], pa.array(sorted({key[1] for key in keys}), pa.string())))
        periods = rows["period"].to_pylist() if stream == "kline" else [""] * rows.num_rows
        heard = zip(rows["ts_recv"].cast(pa.int64()).to_pylist(), rows["seq"].to_pylist(), strict=True)
        found: dict[Key, Heard] = {}
        for market, period, each in zip(rows["market"].to_pylist(), periods, heard, strict=True):
            key = (stream, market, period)
            if key in keys:
                found.setdefault(key, each)
        return found

    def last_trades(self, from_seq: int, below_seq: int) -> dict[str, int]:
        """The last trade's id by market."""
        rows = self._between(self._decoded.trades, from_seq, below_seq)
        if not rows.num_rows:
            return {}
        markets = rows["market"].combine_chunks().dictionary_encode()
        codes, places = np.unique(np.asarray(markets.indices)[::-1], return_index=True)
        ids = rows["trade_id"].to_numpy()[::-1][places].tolist()
        names = markets.dictionary.to_pylist()
        return {names[code]: ids[at] for at, code in enumerate(codes.tolist())}

    def lags(self, from_seq: int, below_seq: int) -> list[int]:
        """By how many us the last NEAR trades were received after they happened, in order."""
        rows = self._between(self._decoded.trades, from_seq, below_seq)
        return _lags(rows.slice(max(0, rows.num_rows - NEAR)))

    def first_lag(self, from_seq: int, below_seq: int) -> int | None:
        """The same of the first trade, None where there is none."""
        rows = self._between(self._decoded.trades, from_seq, below_seq)
        return next(iter(_lags(rows.slice(0, 1))), None)

    @staticmethod
    def _between(rows: pa.Table, from_seq: int, below_seq: int) -> pa.Table:
        """The pushes among the rows (those of answers are no sign of life) in a range of the journal."""
        seqs = rows["seq"].to_numpy() if rows.num_rows else np.zeros(0, np.int64)
        start, end = np.searchsorted(seqs, [from_seq, below_seq])
        rows = rows.slice(int(start), int(end - start))
        return rows.filter(pc.equal(rows["source"], SOURCE)) if rows.num_rows else rows


def _lags(trades: pa.Table) -> list[int]:
    lags: list[int] = (as_us(trades["ts_recv"]) - as_us(trades["ts_event"])).tolist()
    return lags


class NoPushes:
    """Where nothing was pushed."""

    @staticmethod
    def firsts(_stream: str, _keys: set[Key], _from_seq: int, _below_seq: int) -> dict[Key, Heard]:
        return {}

    @staticmethod
    def last_trades(_from_seq: int, _below_seq: int) -> dict[str, int]:
        return {}

    @staticmethod
    def lags(_from_seq: int, _below_seq: int) -> list[int]:
        return []

    @staticmethod
    def first_lag(_from_seq: int, _below_seq: int) -> None:
        return None


NO_PUSHES: Final = NoPushes()
