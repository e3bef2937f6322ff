"""One journal line taken apart: where each key, value and container stands. What layouts are learned from."""

import re
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

NESTING_LIMIT: Final = 16
VALUES_LIMIT: Final = 200_000
"""A push of 1,000 states holds 20,000 values; a line of more than this is not worth learning from."""

_TOKEN: Final = re.compile(rb'[ \t]*(?:"([^"\\]*)"|([\[\]{},:])|([^\s\[\]{},:"]+))')


class Unlearnable(Exception):  # noqa: N818 -- no error: the line is read plainly instead
    """The line has no fixed layout, or none that can be told apart by its quotes."""


@dataclass(frozen=True, slots=True)
class Value:
    """A string or a bare word of the line; `start` and `end` bound its text, without quotes."""

    path: Path
    start: int
    end: int
    quoted: bool


@dataclass(slots=True)
class Exemplar:
    """A line with its newline. `spans` are the containers, `keys` the texts of the members' names."""

    line: bytes
    values: list[Value] = field(default_factory=list)
    spans: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def text(self, value: Value) -> bytes:
        return self.line[value.start : value.end]

    def under(self, path: Path) -> list[Value]:
        """The values inside a container, in the order they stand."""
        return [value for value in self.values if value.path[: len(path)] == path]

    def quotes(self, start: int, end: int) -> list[int]:
        """The positions of the quotes from `start` to before `end`."""
        return [at for at in range(start, end) if self.line[at] == ord('"')]


def take_apart(line: bytes) -> Exemplar:
    """Take a line apart that is known to be JSON. Raises Unlearnable: a key twice, an escape, too deep."""
    exemplar = Exemplar(line)
    end = _walk(exemplar, (), 0)
    if line[end:] != b"\n":
        raise Unlearnable("text after the object")
    return exemplar


def _token(exemplar: Exemplar, at: int) -> re.Match[bytes]:
    match = _TOKEN.match(exemplar.line, at)
    if match is None or len(exemplar.values) > VALUES_LIMIT:
        raise Unlearnable("not a token")
    return match


def _walk(exemplar: Exemplar, path: Path, at: int) -> int:
    """Take apart the value that begins at `at`; returns where it ends."""
    if len(path) > NESTING_LIMIT:
        raise Unlearnable("too deep")
    token = _token(exemplar, at)
    if token[2] is None:
        group = 1 if token[3] is None else 3
        exemplar.values.append(Value(path, token.start(group), token.end(group), quoted=group == 1))
        return token.end()
    if token[2] not in b"[{":
        raise Unlearnable("not a value")
    end = _walk_members(exemplar, path, token.end(), named=token[2] == b"{")
    exemplar.spans[path] = (token.start(2), end)
    return end


def _walk_members(exemplar: Exemplar, path: Path, at: int, *, named: bool) -> int:
    closing = b"}" if named else b"]"
    token = _token(exemplar, at)
    if token[2] == closing:
        return token.end()
    for index in range(VALUES_LIMIT):
        member: Path = (*path, index)
        if named:
            name = _token(exemplar, at)
            if name[1] is None:
                raise Unlearnable("no key")
            member = (*path, name[1].decode())
            if member in exemplar.keys:
                raise Unlearnable("a key twice")
            exemplar.keys[member] = name.span(1)
            at = _token(exemplar, name.end()).end()
        token = _token(exemplar, _walk(exemplar, member, at))
        at = token.end()
        if token[2] == closing:
            return at
    raise Unlearnable("too many members")
