"""The last places of each market's figures, as its description said at the time."""

from bisect import bisect_right

import pyarrow as pa

from recorder.lake.grades.grading import Precision


class Precisions:
    """Looks up descriptions of `markets` by time."""

    def __init__(self, markets: pa.Table) -> None:
        self._known: dict[str, list[tuple[int, Precision]]] = {}
        times = markets["ts_recv"].cast(pa.int64()).to_pylist()
        names, places = markets["market"].to_pylist(), markets["precisions"].to_pylist()
        for market, recv_us, own in sorted(zip(names, times, places, strict=True), key=lambda row: row[:2]):
            precision = Precision(*(_step((own or {}).get(name)) for name in ("amount", "quote", "base")))
            known = self._known.setdefault(market, [])
            if not known or known[-1][1] != precision:
                known.append((recv_us, precision))
        self.changed_us = sorted({recv_us for known in self._known.values() for recv_us, _ in known[1:]})
        """When a market's precision became another one than it had been."""

    def at(self, us: int) -> dict[str, Precision]:
        """Of each market what was valid at an instant of the recorder's clock; before its first description
        that one."""
        found = {}
        for market, known in self._known.items():
            index = bisect_right([recv_us for recv_us, _ in known], us) - 1
            found[market] = known[max(index, 0)][1]
        return found


def _step(places: int | None) -> float:
    return 0.0 if places is None or not 0 <= places <= 20 else float(f"1e-{places}")
