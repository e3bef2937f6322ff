"""The plain decoder: one journal line after another, in the protocol's own words. It defines what is true.

`decoder` reads the same lines many at once and must give the same; where a line is not of a form it has
learned, the line comes here.
"""

import re
from typing import Any, Final

import msgspec

from recorder.exchange.candles import KlinePush
from recorder.exchange.fields import ProtocolError
from recorder.exchange.messages import Reply, parse
from recorder.exchange.pushes import DepthPush, TradePush
from recorder.exchange.topics import PRIVATE_STREAMS
from recorder.lake.decoding.account import read_account_push
from recorder.lake.decoding.answers import read_answer
from recorder.lake.decoding.harvest import Harvest, Record
from recorder.lake.decoding.rows import NO_CONNECTION, Origin, depth_row, kline_row, read_states, trade_row

LINE_HEAD: Final = re.compile(rb'\{"t":([0-9]{1,19}),(?:"c":([0-9]{1,18}),)?"([a-z])":')
"""How every record of the journal begins; its writer never spaces or orders it otherwise."""
PRIVATE_METHODS: Final = {f"update.{stream}": stream for stream in PRIVATE_STREAMS}
_LAST_NS: Final = 2**63 - 1


def read_line(line: bytes, seq: int, harvest: Harvest) -> None:
    """Read one journal line (without its newline) into `harvest`. Never raises, whatever the line is."""
    head = LINE_HEAD.match(line)
    if head is None or int(head[1]) > _LAST_NS or not line.endswith(b"}"):
        harvest.reject(0, NO_CONNECTION, "not a journal line", line)
        return
    origin = Origin(seq, int(head[1]), NO_CONNECTION if head[2] is None else int(head[2]))
    content = line[head.end() : -1]
    if head[2] is not None and head[3] == b"f":
        harvest.frames += 1
        read_frame(content, origin, harvest)
    elif head[2] is not None and head[3] in (b"x", b"b"):
        harvest.frames += 1
        _read_escaped(head[3], content, origin, harvest)
    else:
        _read_event(line, origin, harvest)


def _read_escaped(letter: bytes, content: bytes, origin: Origin, harvest: Harvest) -> None:
    """A frame that could not stand verbatim: `x` escaped text, `b` base64 of what is not UTF-8."""
    try:
        text = msgspec.json.decode(content, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        harvest.reject(origin.ts_recv, origin.connection, "not a journal line", content)
        return
    if letter == b"x":
        read_frame(text.encode(), origin, harvest)
    else:
        harvest.reject(origin.ts_recv, origin.connection, "not UTF-8", b"base64:" + text.encode())


def _read_event(line: bytes, origin: Origin, harvest: Harvest) -> None:
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = {}
    kind = fields.get("e")
    if not isinstance(kind, str):
        harvest.reject(origin.ts_recv, origin.connection, "not a journal line", line)
        return
    rest = {name: value for name, value in fields.items() if name not in ("t", "c", "e")}
    if kind == "rest" and "f" in rest:
        rest["body"] = rest.pop("f")
    connection = None if origin.connection == NO_CONNECTION else origin.connection
    answer = read_answer(rest, line, origin, harvest) if kind == "rest" else None
    harvest.records.append(Record(origin.seq, origin.t, connection, kind, rest, answer))


def read_frame(frame: bytes, origin: Origin, harvest: Harvest) -> None:
    """Put what a frame says into `harvest`: rows, a record, or a reject with its reason."""
    try:
        message = parse(frame)
    except ProtocolError as error:
        harvest.reject(origin.ts_recv, origin.connection, str(error), frame)
        return
    if isinstance(message, Reply):
        if (stream := PRIVATE_METHODS.get(message.method or "")) is not None:
            _read_private(stream, message, frame, origin, harvest)
        else:
            _read_reply(message, origin, harvest)
        return
    for text in message.notices:
        harvest.notice(text)
    if isinstance(message, TradePush):
        harvest.rows["trade"] += [trade_row(trade, origin, harvest) for trade in message.trades]
    elif isinstance(message, DepthPush):
        harvest.rows["depth"].append(depth_row(message.book, origin, harvest))
    elif isinstance(message, KlinePush):
        if message.faults:  # one reject a frame, however many of its rows are bad
            reason = "; ".join(dict.fromkeys(message.faults))
            harvest.reject(origin.ts_recv, origin.connection, reason, frame)
        period = message.period
        harvest.rows["kline"] += [kline_row(c, period, origin, harvest) for c in message.candles]
    else:
        read_states(message.states, origin, harvest)


def _read_private(stream: str, push: Reply, frame: bytes, origin: Origin, harvest: Harvest) -> None:
    """A push of the account's."""
    if push.error is not None:
        harvest.reject(origin.ts_recv, origin.connection, f"{push.method} carries an error", frame)
        return
    try:
        read_account_push(stream, push.result, origin, harvest)
    except ProtocolError as error:
        harvest.reject(origin.ts_recv, origin.connection, str(error), frame)


def _read_reply(reply: Reply, origin: Origin, harvest: Harvest) -> None:
    fields: dict[str, Any] = {"method": reply.method}
    kind = "other"
    if reply.method is None or not reply.method.startswith("update."):
        kind = "reply"
        fields = {"id": reply.id, "method": reply.method, "result": reply.result, "error": reply.error}
    else:
        harvest.notice(f"unknown method {reply.method}")
    harvest.records.append(Record(origin.seq, origin.t, origin.connection, kind, fields))
