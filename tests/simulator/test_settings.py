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
        ("state_s", 0),
        ("candle_s", 61),
        ("funding_interval", -1),
        ("funding_interval", 1_441),
        ("funding_interval", 7),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name_with_what_would_be_right(name, value):
    with pytest.raises(ValueError, match=rf"{name} is {value}: give"):
        SimulatorSettings(**{name: value})


@pytest.mark.parametrize("hours", [(1.0,), (0.0,) * 24, (1.0,) * 25])
def test_hours_are_one_positive_number_each(hours):
    with pytest.raises(ValueError, match="one number above 0 for each of 24 hours"):
        SimulatorSettings(hours=hours)
