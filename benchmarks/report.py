"""One table: what was measured, beside its reference and its bar."""

import importlib.metadata
import os
import platform
import resource
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEAD: Final = ("what", "ours", "reference", "ratio", "bar", "first step", "met?")
LIBRARIES: Final = ("websockets", "uvloop", "pyarrow", "msgspec", "zstandard", "numpy", "duckdb")


class InvalidError(Exception):
    """A benchmark that did not do what it says, such as one that lost frames: its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. The bar is on `value`: a ratio, or a plain figure without a reference."""

    what: str
    ours: str
    reference: str
    value: float | None
    unit: str = "x"
    bar: float | None = None
    first_step: float | None = None
    at_least: bool = False

    @property
    def met(self) -> str:
        """`yes`, `first` where only the first step is reached, `no`; `not run`; empty without a bar."""
        if self.value is None:
            return "not run"
        if self.bar is None:
            return ""
        if self._reaches(self.bar):
            return "yes"
        return "first" if self.first_step is not None and self._reaches(self.first_step) else "no"

    def _reaches(self, limit: float) -> bool:
        assert self.value is not None
        return self.value >= limit if self.at_least else self.value <= limit

    def cells(self) -> tuple[str, ...]:
        sign = ">=" if self.at_least else "<="
        bar = "" if self.bar is None else f"{sign} {_short(self.bar)} {self.unit}"
        first = "" if self.first_step is None else f"{sign} {_short(self.first_step)} {self.unit}"
        value = "" if self.value is None else f"{_short(self.value)} {self.unit}"
        return (self.what, self.ours, self.reference, value, bar, first, self.met)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def against(ours: Sequence[float], reference: Sequence[float]) -> float:
    """The median of the ratios of neighbouring runs: what slows the machine for a while slows both."""
    return statistics.median(mine / theirs for mine, theirs in zip(ours, reference, strict=True))


def us(seconds: Sequence[float], frames: int) -> str:
    """CPU a frame: the median over the runs, in microseconds."""
    return f"{statistics.median(seconds) / frames * 1e6:.2f} us"


def cpu_s() -> float:
    """CPU seconds of this process so far, all threads, in the kernel too."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def machine() -> str:
    """What the figures were measured on, in one line."""
    versions = " ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    cores = f"{os.cpu_count()} cores of {platform.machine()}, load {os.getloadavg()[0]:.1f}"
    return f"python {platform.python_version()}, {cores}; {versions}"


def render(rows: Sequence[Row]) -> str:
    """The table as text, columns aligned."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    rule = "  ".join("-" * width for width in widths)
    lines = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in cells]
    return "\n".join(line.rstrip() for line in (lines[0], rule, *lines[1:]))
