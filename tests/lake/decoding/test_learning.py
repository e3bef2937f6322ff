"""What is learned from a line, and what is not."""

from pathlib import Path

import pytest

from recorder.lake.decoding.exemplar import NESTING_LIMIT, Unlearnable, take_apart
from recorder.lake.decoding.learning import learn, shortened

FRAMES = Path(__file__).parents[2] / "fixtures" / "frames"


def line(name, index=0):
    frame = (FRAMES / f"{name}.jsonl").read_bytes().splitlines()[index]
    return b'{"t":1697620709123456789,"c":3,"f":%b}\n' % frame


class TestTakeApart:
    def test_every_value_is_found_where_it_stands(self):
        exemplar = take_apart(b'{"a":"x","b":[1, null],"c":{"d":""}}\n')
        found = {value.path: (exemplar.text(value), value.quoted) for value in exemplar.values}
        assert found == {
            ("a",): (b"x", True),
            ("b", 0): (b"1", False),
            ("b", 1): (b"null", False),
            ("c", "d"): (b"", True),
        }
        assert exemplar.line[slice(*exemplar.spans["b",])] == b"[1, null]"
        assert exemplar.line[slice(*exemplar.keys["c", "d"])] == b"d"

    @pytest.mark.parametrize(
        "text", [b'{"a":1,"a":1}', b'{"a":"\\u0031"}', b'{"a":1} x', b"[" * 50 + b"]" * 50, b'{"a"', b""]
    )
    def test_what_has_no_fixed_places_is_not_taken_apart(self, text):
        with pytest.raises(Unlearnable):
            take_apart(text + b"\n")

    def test_nesting_has_a_limit(self):
        assert take_apart(b"[" * NESTING_LIMIT + b"]" * NESTING_LIMIT + b"\n").values == []


class TestLearn:
    def test_values_are_slots_and_all_else_is_constant(self):
        layout = learn(line("trade"), "trade", ())
        names = [(slot.name, slot.kind) for slot in layout.form.slots]
        assert names == [
            ("t", "integer"),
            ("c", "integer"),
            ("amount", "decimal"),
            ("id", "integer"),
            ("market", "name"),
            ("price", "decimal"),
            ("time", "seconds"),
            ("type", "side"),
        ]

    def test_a_book_has_two_holes_and_the_gaps_of_its_levels(self):
        layout = learn(line("depth"), "depth", ())
        assert [slot.kind for slot in layout.form.slots].count("hole") == 2
        assert layout.books is not None
        assert (layout.books.gap, layout.books.step, layout.books.asks_first) == (b'","', b'"],["', True)

    def test_spacing_is_learned_too(self):
        layout = learn(line("depth", 5), "depth", ())
        assert layout.books is not None
        assert (layout.books.gap, layout.books.step) == (b'", "', b'"], ["')

    def test_a_state_is_learned_from_its_first_object(self):
        layout = learn(line("state", 1), "state", ())
        assert layout.objects is not None
        assert layout.objects.separator == b',"'
        assert layout.objects.form.slots[0].name == "market"

    @pytest.mark.parametrize(
        ("stream", "old", "new"),
        [
            ("trade", b'"id":27699216', b'"id":"27699216"'),
            ("trade", b'"type"', b'"x":[1,2],"type"'),
            ("depth", b'["1621.30","2"]', b'["1621.30",2]'),
            ("depth", b'["1621.30","2"]', b'[ "1621.30","2"]'),
            ("depth", b'["1621.30","2"]]', b'["1621.30","2"] ]'),
            ("kline", b"[1697560680,", b'{"time":1},[1697560680,'),
        ],
    )  # fmt: skip
    def test_rare_forms_are_left_to_the_plain_decoder(self, stream, old, new):
        frame = line(stream)
        assert old in frame
        with pytest.raises(Unlearnable):
            learn(frame.replace(old, new), stream, ())


class TestShortened:
    """States are learned from a line cut down to two objects."""

    def test_two_objects_stay_and_all_around_them(self):
        objects = [b'"%b": {"last":"%d"}' % (name, index) for index, name in enumerate((b"A", b"B", b"C"))]
        frame = b'{"t":1,"c":0,"f":{ "result":{%b},"id":0}}\n'
        assert shortened(frame % b" , ".join(objects)) == frame % b" , ".join(objects[:2])

    @pytest.mark.parametrize(
        "result", [b'{"A":{"last":"1"}}', b'{"A":{"last":"1"},"B":{"last":"2"}}', b"[]", b"{", b""]
    )
    def test_what_has_less_or_is_no_state_stays_as_it_is(self, result):
        text = b'{"t":1,"c":0,"f":{"result":%b}}\n' % result
        assert shortened(text) == text
