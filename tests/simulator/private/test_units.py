import pytest

from recorder.simulator.private.units import ONE, cut, exact, money, padded, rate, share, units


@pytest.mark.parametrize(
    ("text", "precision", "whole"),
    [
        ("1", 2, 100),
        ("0.05", 2, 5),
        ("1e-05", 5, 1),
        ("-2.50", 1, -25),
        ("8410.56909378778272067016", 20, None),
    ],
)
def test_a_decimal_becomes_a_whole_number_of_its_last_place(text, precision, whole):
    assert units(text, precision) == (841056909378778272067016 if whole is None else whole)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "0.001", "1e99", "9" * 50])
def test_what_is_no_decimal_of_that_precision_is_none(text):
    assert units(text, 2) is None


@pytest.mark.parametrize(
    "text",
    [
        "1_000",
        " 3000 ",
        "3000\n",
        "\u0663\u0660",
        "\uff133",
        "+5",
        ".5",
        "5.",
        "1e",
        "0x10",
        "1,5",
        "--1",
        "NaN",
    ],
)
def test_only_plain_ascii_digits_are_a_number(text):
    assert units(text, 2) is None


def test_sums_are_cut_towards_zero_as_the_document_cuts_them():
    # 0.922 at 1573.89 is told as 1451.1265, and its fee of 0.0005 as 0.7255
    value = money("1573.89") * 922 // 1000
    assert cut(value) == "1451.1265"
    assert cut(share(value, rate("0.0005"))) == "0.7255"
    assert cut(-share(value, rate("0.0005"))) == "-0.7255"
    assert (cut(-1), exact(0), padded(0)) == ("0", "0", "0")
    assert (exact(ONE // 4), padded(ONE // 4)) == ("0.25", "0.25000000000000000000")


def test_a_share_is_cut_towards_zero_whatever_the_signs():
    assert [share(amount, 50_000_000) for amount in (3, -3)] == [1, -1]
    assert [share(3, part) for part in (50_000_000, -50_000_000)] == [1, -1]


def test_what_is_no_money_is_an_error():
    with pytest.raises(ValueError, match="no sum of money"):
        money("much")
    with pytest.raises(ValueError, match="no rate"):
        rate("high")
