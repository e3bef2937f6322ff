"""A simulated day, made once for all tests."""

import contextlib
from datetime import date

from once import once

from recorder.config import Settings
from recorder.demo_days import Days, run_days
from recorder.past.exchange import Pace

DAYS = Days(date(2026, 11, 23), 1, markets=3, seed=2, pace=Pace(rate=0.02, state_s=31.0, candle_s=6.0))


def past_day(tmp_path_factory):
    """The data directory, and what the terminal said."""
    place = once(tmp_path_factory, "past-day", _made)
    [data_dir] = (each for each in place.iterdir() if each.is_dir())
    return data_dir, (place / "told.txt").read_text()


def _made(place):
    with (place / "told.txt").open("w") as told, contextlib.redirect_stdout(told):
        run_days(Settings(data_dir=place), DAYS)
