"""The data dictionary, `docs/dictionary.md`: every table, view and column, from where the code reads it.

`python -m analytics.dictionary` writes it; a test holds the file to it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from analytics.questions import (
    BUILDING_BLOCKS,
    COMMON,
    MIN_COVERAGE,
    SUBJECTS,
    Question,
    questions,
)
from recorder.lake.store.dictionary import TOLD

FILE: Final = Path("docs/dictionary.md")
_INTRODUCTION: Final = f"""\
# Data dictionary

Every table and view with its columns, in the order in which they stand. Made from the code by `make docs`.

Units: *base* is what a market trades and *quote* what it is priced in (an inverse market counts contracts);
*bps* is a basis point, 1e-4; a fraction of 0.01 is one per cent; `-` is a name, a count or a plain ratio.
Times are UTC with microseconds. Null is not zero: it says that nobody can know.

Every view of a bucket has `coverage`, the share of it that was observed, and `grade`, the worst of its
minutes. A figure of a bucket of which less than {MIN_COVERAGE} was observed is null; counts never are. A view
named `..._1m` exists by the hour and the day, too, as `..._1h` and `..._1d`, with `hour` or `day` for
`minute`, and in Python by any part of a day (`lake.spread(every="15m")`).
"""


def dictionary() -> str:
    """All of it, as Markdown."""
    parts = [_INTRODUCTION, "## Tables\n"]
    for name, (row, columns) in TOLD.items():
        told = ((column, *said) for column, said in columns.items())
        parts.append(f"### `{name}`\n\nA row is {row}.\n\n{_table(told)}")
    parts.append(f"## Columns of many views\n\n{_table((name, *said) for name, said in COMMON.items())}")
    for heading, those in by_subject():
        parts += [f"## {heading}\n", *(_view(each) for each in those)]
    return "\n".join(parts)


def by_subject() -> Iterator[tuple[str, list[Question]]]:
    """Headings with the views below them. A longer grain is told of with its minute."""
    names = {each.name for each in questions()}
    own = [each for each in questions() if f"{each.name[:-3]}_1m" not in names or each.name.endswith("_1m")]
    for subject in (*SUBJECTS, BUILDING_BLOCKS):
        yield subject, sorted((each for each in own if each.subject == subject), key=lambda each: each.name)


def _view(asked: Question) -> str:
    told = ((column, *said) for column, said in asked.columns.items())
    grain = asked.grain.rstrip(".").removeprefix("a ")
    lines = [
        f"### `{asked.name}`\n",
        f"{asked.question[0].upper()}{asked.question[1:]} A row is a {grain}.",
        f"From {', '.join(f'`{name}`' for name in asked.source)}.",
        *(f"{note[0].upper()}{note[1:]}" for note in asked.notes),
    ]
    return "\n".join(lines) + f"\n\n{_table(told)}"


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| `{name}` | {unit} | {text.replace('|', chr(92) + '|')} |" for name, unit, text in rows]
    return "\n".join(("| column | unit | meaning |", "| --- | --- | --- |", *lines, ""))


if __name__ == "__main__":
    FILE.write_text(dictionary())
