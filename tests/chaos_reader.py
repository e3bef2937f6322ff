"""The reader of a chaos run: asks the lake without pause until SIGTERM, and writes down what is wrong.

`python tests/chaos_reader.py DATA_DIR OUT`. A line is a complaint `{"at", "complaint"}`; the last line is
`{"rounds", "counts"}`.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from analytics import LakeNotFoundError, open_lake

KEYS = {
    "trades": "market, trade_id",
    "depth": "market, ts_event, bids, asks, last, index_price, mark_price",
    "klines": "market, period, ts_open",
    "coverage": "market, minute",
}
"""What makes a row, by table."""
GROWING = ("trades", "depth", "state", "klines", "markets", "rejects")
"""Tables that only gain rows, retention being off."""
ROUNDS_A_LAKE = 50
"""After so many rounds the lake is opened anew."""
NICENESS = 15
"""A reader that never pauses would take a core from those it watches."""


def counts(lake):
    columns = ", ".join(f"(SELECT count(*) FROM {table})" for table in GROWING)
    return dict(zip(GROWING, lake.sql(f"SELECT {columns}").fetchall()[0], strict=True))


def twice(lake, table):
    """Keys of the table that more than one row has."""
    keys = KEYS[table]
    return lake.sql(f"SELECT {keys}, count(*) FROM {table} GROUP BY ALL HAVING count(*) > 1").fetchall()


class Reader:
    def __init__(self, data_dir, out):
        self.data_dir = data_dir
        self.out = out
        self.lake = None
        self.found = False
        self.rounds = 0
        self.seen = dict.fromkeys(GROWING, 0)
        self.ended = False

    def complain(self, text):
        self.out.write(json.dumps({"at": time.time_ns(), "complaint": text}) + "\n")
        self.out.flush()

    def round(self):
        """One look at everything."""
        now = counts(self.lake)
        for table, count in now.items():
            if count < self.seen[table]:
                self.complain(f"{table} went down from {self.seen[table]} rows to {count}")
        self.seen = now
        table = list(KEYS)[self.rounds % len(KEYS)]
        if rows := twice(self.lake, table):
            self.complain(f"{len(rows)} {table} twice: {rows[0]}"[:500])
        self.rounds += 1

    def run(self):
        while not self.ended:
            try:
                if self.rounds % ROUNDS_A_LAKE == 0:
                    self.lake = open_lake(self.data_dir)
                    self.lake.sql("SET threads = 1")
                    self.found = True
                self.round()
            except LakeNotFoundError as error:
                if self.found:
                    self.complain(f"the lake is gone: {error}")
                time.sleep(0.02)  # none was made yet
            except Exception as error:  # noqa: BLE001  # whatever it is, a reader must never see it
                self.complain(f"{type(error).__name__}: {error}"[:2_000])
        self.out.write(json.dumps({"rounds": self.rounds, "counts": self.seen}) + "\n")


def main(data_dir, out):
    os.nice(NICENESS)
    with Path(out).open("w") as file:
        reader = Reader(data_dir, file)

        def end(*_):
            reader.ended = True

        signal.signal(signal.SIGTERM, end)
        reader.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
