"""Socket -> Parquet against what people use today: cryptofeed's and ccxt pro's handlers, on the same events.

Ours is received over a socket, journalled, read back, decoded, and written. The rivals get each message as
text already received, so their sockets cost them nothing here: their own handler parses it, and a callback
appends to lists that pyarrow writes. Trades and books only, which both know. Each gets them in the
words of a venue whose books are full snapshots: ccxt pro those of WhiteBIT, an engine of the same family,
cryptofeed those of Poloniex.

`python rivals.py --install DIR` makes the environment they run in; `make bench-rivals` does both.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from corpus import Frame
from publish import publish_us
from receive import blast_us
from report import InvalidError, Row

HERE: Final = Path(__file__).parent
ROOM: Final = HERE.parent / "build" / "rivals"
"""Where their environment is looked for, unless told otherwise."""
PACKAGES: Final = ("cryptofeed==2.4.1", "ccxt==4.5.90", "pyarrow>=25,<27")
BAR: Final = 15.0
RUN_TIMEOUT_S: Final = 300.0
QUOTE: Final = "USDT"
Result = dict[str, Any]


def measure(frames: Sequence[Frame], repeats: int, room: Path = ROOM) -> list[Row]:
    """One row a rival; `not run` where its package is not installed."""
    both = [frame for frame in frames if frame.stream in ("depth", "trade")]
    ours: list[float] = []
    rows: list[Row] = []
    python = room / "bin" / "python"
    with tempfile.TemporaryDirectory() as scratch:
        for name, translate in RIVALS.items():
            what = f"socket -> Parquet, against {name}"
            if not _has(python, name):
                rows.append(
                    Row(what, "", "not installed: make bench-rivals", None, "x less", BAR, at_least=True)
                )
                continue
            messages = Path(scratch) / f"{name}.jsonl"
            _write(messages, both, translate)
            theirs: list[float] = []
            for _ in range(repeats):
                ours.append(blast_us(both) + publish_us(both))
                theirs.append(_run(python, name, messages, both))
            ratio = statistics.median(
                rival / mine for rival, mine in zip(theirs, ours[-repeats:], strict=True)
            )
            cells = f"{statistics.median(ours[-repeats:]):.2f} us", f"{statistics.median(theirs):.1f} us"
            rows.append(Row(what, *cells, ratio, "x less", BAR, at_least=True))
    return rows


def _has(python: Path, name: str) -> bool:
    if not python.exists():
        return False
    asked = f"import importlib.util as u, sys; sys.exit(u.find_spec({name!r}) is None)"
    return subprocess.run([str(python), "-c", asked], check=False).returncode == 0


def _run(python: Path, name: str, messages: Path, frames: Sequence[Frame]) -> float:
    """CPU a message in microseconds."""
    with tempfile.TemporaryDirectory() as target:
        command = [str(python), str(HERE / "rival_handlers.py"), name, str(messages), target]
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=RUN_TIMEOUT_S, check=True)
    result: Result = json.loads(done.stdout)
    if result["rows"] != len(frames):
        raise InvalidError(f"{name} wrote {result['rows']} rows of {len(frames)} messages")
    return float(result["cpu_s"]) / len(frames) * 1e6


def _write(path: Path, frames: Sequence[Frame], translate: Callable[[str, Result], Result]) -> None:
    with path.open("wb") as file:
        for frame in frames:
            result = msgspec.json.decode(frame.payload)["result"]
            file.write(msgspec.json.encode(translate(frame.stream, result)) + b"\n")


def _symbol(market: str) -> str:
    return f"{market.removesuffix(QUOTE)}_{QUOTE}"


def _whitebit(stream: str, result: Result) -> Result:
    symbol = _symbol(result["market"])
    if stream == "trade":
        trade = {name: result[name] for name in ("id", "time", "price", "amount", "type")}
        return {"method": "trades_update", "params": [symbol, [trade]], "id": None}
    book = {"timestamp": result["time"] / 1000, "asks": result["asks"], "bids": result["bids"]}
    return {"method": "depth_update", "params": [True, book, symbol], "id": None}


def _poloniex(stream: str, result: Result) -> Result:
    symbol = _symbol(result["market"])
    if stream == "trade":
        time_ms = round(result["time"] * 1000)
        trade = {
            "symbol": symbol,
            "amount": result["amount"],
            "quantity": result["amount"],
            "takerSide": result["type"],
            "createTime": time_ms,
            "price": result["price"],
            "id": str(result["id"]),
            "ts": time_ms,
        }
        return {"channel": "trades", "data": [trade]}
    book = {
        "symbol": symbol,
        "createTime": result["time"],
        "asks": result["asks"],
        "bids": result["bids"],
        "lastId": 1,
        "id": 1,
        "ts": result["time"],
    }
    return {"channel": "book_lv2", "data": [book], "action": "snapshot"}


RIVALS: Final[dict[str, Callable[[str, Result], Result]]] = {"cryptofeed": _poloniex, "ccxt": _whitebit}


def install(room: Path) -> None:
    """Make an environment with the rivals in it."""
    venv.create(room, with_pip=True)
    subprocess.run([str(room / "bin" / "pip"), "install", "--quiet", *PACKAGES], check=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the environment that the rivals run in.")
    parser.add_argument("--install", type=Path, default=ROOM, metavar="DIR")
    try:
        install(parser.parse_args().install)
    except subprocess.CalledProcessError as error:
        sys.exit(f"the rivals could not be installed: {error}")
