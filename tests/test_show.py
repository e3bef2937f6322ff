"""What a person is shown of rows."""

import duckdb
import pytest

from recorder.show import show_rows

LONG = " ".join(["word"] * 60)


@pytest.fixture
def shown(capsys):
    """What is printed of a query's rows."""

    def show(query):
        with duckdb.connect() as client:
            show_rows(client.sql(query), "table")
        return capsys.readouterr().out

    return show


def test_long_texts_are_broken_into_lines_of_a_table(shown):
    text = shown(f"SELECT 'spread_1h' AS view, '{LONG}' AS question")
    assert "row 1" not in text
    assert text.count("word") == 60
    assert max(map(len, text.splitlines())) <= 160


def test_rows_that_do_not_fit_even_so_are_shown_one_by_one(shown):
    text = shown(f"SELECT '{'x' * 200}' AS name, 1 AS number")
    assert text.splitlines()[0] == "row 1"


def test_numbers_are_never_broken(shown):
    text = shown(f"SELECT 1234567890.123 AS price, '{LONG}' AS note, '{LONG}' AS more")
    assert "1234567890.123" in text
