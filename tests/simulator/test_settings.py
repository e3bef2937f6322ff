import pytest

from recorder.simulator.settings import SimulatorSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("markets", 0),
        ("rate", 0),
        ("speed", 51),
        ("speed", 0.5),
        ("levels", 51),
        ("port", 70_000),
        ("idle_close_s", 0),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_would_be_right(name, value):
    with pytest.raises(ValueError, match=rf"{name} is {value}: give"):
        SimulatorSettings(**{name: value})
