"""The exchange's own record of everything it did: NDJSON, one object a line, `t` in ns by our clock.

    {"t":..., "conn": 3, "frame": {...}}              a push sent to a connection
    {"t":..., "conn": 0, "frame": {...}}              a trade that happened and did not go to every connection
    {"t":..., "conn": 0, "lost": true, "by": "lose", "frame": {...}}   a push that a fault kept from everyone
    {"t":..., "conn": 3, "text": "..."}               garbage, as latin-1
    {"t":..., "conn": 3, "event": "open"}             a connection came, or went: close
    {"t":..., "rest": "/open/...", "query": {...}, "status": 200, "code": 0}     a call, `t` its arrival
    {"t":..., "fault": "abort", ...}                  a fault strikes, with what the script gave it

`code` is null where a gateway answered. A push that is held back stands where it is sent at last, so a trade
is told with the time at which it went out, or would have.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO

from recorder.simulator.faults import Fault


class Record:
    """The file, open for appending. Lines leave with `flush`."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8")

    def push(self, connection: int, payload: bytes) -> None:
        """A push was sent; connection 0: it is a trade that not every connection was sent."""
        self._file.write(f'{{"t":{time.time_ns()},"conn":{connection},"frame":{payload.decode()}}}\n')

    def lost(self, payload: bytes, by: str) -> None:
        """A fault of kind `by` kept a push from everyone."""
        head = f'"t":{time.time_ns()},"conn":0,"lost":true,"by":"{by}"'
        self._file.write(f'{{{head},"frame":{payload.decode()}}}\n')

    def garbage(self, connection: int, payload: bytes) -> None:
        """A text or binary frame was sent that may be anything."""
        self._line({"t": time.time_ns(), "conn": connection, "text": payload.decode("latin-1")})

    def event(self, connection: int, event: str) -> None:
        """A connection came or went."""
        self._line({"t": time.time_ns(), "conn": connection, "event": event})

    def call(self, t_ns: int, path: str, query: Mapping[str, str], status: int, code: int | None) -> None:
        """A REST call that arrived at `t_ns` was answered."""
        self._line({"t": t_ns, "rest": path, "query": dict(query), "status": status, "code": code})

    def fault(self, fault: Fault) -> None:
        """A fault strikes."""
        given = {
            each.name: value
            for each in fields(Fault)
            if each.name not in ("kind", "at", "every")
            and (value := getattr(fault, each.name)) != each.default
        }
        self._line({"t": time.time_ns(), "fault": fault.kind, **given})

    def _line(self, content: dict[str, Any]) -> None:
        self._file.write(json.dumps(content) + "\n")

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """The last line is written."""
        self._file.close()
