"""A market's precision is that of its description at the time."""

import pyarrow as pa

from recorder.lake.grades.precisions import Precisions
from recorder.lake.store.tables import MARKETS

S = 1_000_000


def described(*rows):
    """Descriptions of one market: (second, decimals of a quantity)."""
    return Precisions(
        pa.Table.from_pylist(
            [
                {"market": "AAA", "ts_recv": second * S, "precisions": {"amount": places}}
                for second, places in rows
            ],
            schema=pa.schema([MARKETS.schema.field(name) for name in ("market", "ts_recv", "precisions")]),
        )
    )


def test_before_the_first_description_that_one_holds():
    precisions = described((100, 2), (200, 3))
    assert [precisions.at(second * S)["AAA"].quantity for second in (0, 150, 200)] == [0.01, 0.01, 0.001]


def test_it_tells_when_it_became_another_one_and_not_when_it_was_told_again():
    assert described((100, 2), (150, 2), (200, 3), (250, 3)).changed_us == [200 * S]
