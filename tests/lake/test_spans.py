"""Sets of spans do what sets of numbers do."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recorder.lake.spans import both, clip, length, minus, spans_of, union

pieces = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def numbers(spans):
    return {n for start, end in spans for n in range(start, end)}


@given(pieces)
def test_a_set_is_sorted_disjoint_and_holds_what_its_pieces_hold(given_pieces):
    spans = spans_of(given_pieces)
    assert numbers(spans) == numbers(given_pieces)
    assert all(start < end for start, end in spans)
    assert all(first[1] < second[0] for first, second in pairwise(spans))
    assert length(spans) == len(numbers(spans))


@given(pieces, pieces)
def test_union_difference_and_intersection_are_those_of_the_numbers(first, second):
    a, b = spans_of(first), spans_of(second)
    for spans, expected in (
        (union(a, b), numbers(a) | numbers(b)),
        (minus(a, b), numbers(a) - numbers(b)),
        (both(a, b), numbers(a) & numbers(b)),
    ):
        assert numbers(spans) == expected
        assert spans == spans_of(spans)


@given(pieces, st.integers(0, 60), st.integers(0, 60))
def test_clip_keeps_what_lies_within(given_pieces, start, end):
    spans = spans_of(given_pieces)
    assert numbers(clip(spans, start, end)) == numbers(spans) & set(range(start, end))
