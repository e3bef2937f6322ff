"""Frames taken literally from the documents (tests/fixtures/frames), and pushes made after them."""

import json
from pathlib import Path

import pytest

from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import parse

FRAMES = Path(__file__).parent / "fixtures" / "frames"


def lines(name):
    return (FRAMES / f"{name}.jsonl").read_bytes().splitlines()


def body(name):
    return (FRAMES / f"rest_{name}.json").read_bytes()


def push(stream, result, **envelope):
    return json.dumps({"id": 0, "method": f"update.{stream}", "result": result, "error": None, **envelope})


def refusal(frame):
    """The reason for which a frame is refused."""
    with pytest.raises(ProtocolError) as caught:
        parse(frame)
    return str(caught.value)
