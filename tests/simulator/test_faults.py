import textwrap

import pytest

from recorder.simulator import faults
from recorder.simulator.faults import Fault, FaultClock, ScriptError, load_faults


def script(tmp_path, text, name="faults.toml"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text))
    return path


def test_the_example_in_the_documentation_is_a_script_with_every_kind(tmp_path):
    example = faults.__doc__[faults.__doc__.index("    [[fault]]") :]
    loaded = load_faults(script(tmp_path, example))
    assert {fault.kind for fault in loaded} == set(faults._TAKES)
    assert loaded[0] == Fault("drop", at=10)
    by_kind = {fault.kind: fault for fault in loaded}
    assert by_kind["http"] == Fault("http", at=40, seconds=10, status=429, path="/open/api/v2/market/deals")
    assert by_kind["lose"] == Fault("lose", at=25, count=3, stream="trade", market="BTCUSDT")
    assert by_kind["slow"] == Fault("slow", at=52, seconds=2, during=10, path="/open/api/v2/market")


def test_json_lines_say_the_same(tmp_path):
    text = """\
        {"kind": "abort", "every": 2}

        {"kind": "list", "at": 1}
        {"kind": "silence", "at": 1, "seconds": 2, "stream": "all"}
    """
    path = script(tmp_path, text, "faults.jsonl")
    assert load_faults(path) == (
        Fault("abort", every=2), Fault("list", at=1), Fault("silence", at=1, seconds=2)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "where", "cure"),
    [
        (
            "[[fault]]\nkind = 'drop'\nat = 1\n\n[[fault]]\nkind = 'dorp'",
            ":5:",
            "give one of drop, abort",
        ),
        ("[[fault]]\nkind = 'drop'", ":1:", "give at ="),
        ("[[fault]]\nkind = 'drop'\nat = 1\nsecond = 2", ":1:", "it takes at, every, connections"),
        ("[[fault]]\nkind = 'silence'\nat = 1", ":1:", "silence needs seconds"),
        ("[[fault]]\nkind = 'drop'\nat = -1", ":1:", "a number of seconds, 0 or more"),
        ("[[fault]]\nkind = 'drop'\nevery = 0", ":1:", "at least 0.05"),
        (
            "[[fault]]\nkind = 'silence'\nat = 1\nseconds = 1\nstream = 'trades'",
            ":1:",
            "one of trade, depth",
        ),
        ("[[fault]]\nkind = 'http'\nat = 1\nseconds = 1\nstatus = 200", ":1:", "from 400 to 599"),
        ("[[fault]]\nkind = 'garbage'\nat = 1\nvariant = 'x'", ":1:", "one of not_json"),
        ("[[fault]]\nkind = 'slow'\nat = 1\nduring = 2", ":1:", "slow needs seconds"),
        ("[[fault]]\nkind = 'lose'\nat = 1\ncount = 0", ":1:", "a whole number from 1"),
        ("[[fault]]\nkind = drop", ":", "not TOML: Invalid value (at line 2"),
        ("[fault]\nkind = 'drop'", ":1:", "nothing but [[fault]] tables"),
        ("fault = [3]", ":1:", "a fault is an object"),
    ],
)
def test_an_error_names_the_line_and_what_would_be_right(tmp_path, text, where, cure):
    path = script(tmp_path, text)
    with pytest.raises(ScriptError) as error:
        load_faults(path)
    assert f"{path}{where}" in str(error.value)
    assert cure in str(error.value)


def test_a_bad_json_line_is_named_by_its_number(tmp_path):
    path = script(tmp_path, '{"kind": "abort", "every": 2}\n{"kind": \n', "faults.jsonl")
    with pytest.raises(ScriptError, match=r"faults.jsonl:2: not JSON"):
        load_faults(path)


def test_a_script_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ScriptError, match=r"none.toml: cannot be read"):
        load_faults(tmp_path / "none.toml")


def test_faults_come_once_at_their_time_or_again_and_again():
    once, often, both = Fault("drop", at=1.5), Fault("abort", every=1), Fault("list", at=0.5, every=2)
    clock = FaultClock((once, often, both))
    assert clock.due(0.4) == []
    assert clock.due(0.9) == [both]
    assert clock.due(1.0) == [often]
    assert clock.due(2.1) == [once, often]
    assert clock.due(3.2) == [both, often]
