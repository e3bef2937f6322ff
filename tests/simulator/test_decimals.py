import pytest

from recorder.simulator.decimals import fixed, plain, units_of


@pytest.mark.parametrize(
    ("units", "precision", "full", "short"),
    [
        (2100, 3, "2.100", "2.1"),
        (0, 8, "0.00000000", "0"),
        (-12, 4, "-0.0012", "-0.0012"),
        (1000, 0, "1000", "1000"),
        (970000, 1, "97000.0", "97000"),
        (5, 3, "0.005", "0.005"),
    ],
)
def test_integers_become_exact_decimals_with_and_without_trailing_zeros(units, precision, full, short):
    assert fixed(units, precision) == full
    assert plain(units, precision) == short


def test_a_decimal_read_back_is_the_integer_it_was_written_from():
    assert [units_of(plain(units, 5), 5) for units in (0, 1, 99, 100_000, 123_456_789)] == [
        0, 1, 99, 100_000, 123_456_789,
    ]  # fmt: skip
