"""What the venue tells of an account, read: answers by REST and private pushes, as pure functions.

Ids may come as texts; fields may be missing, unknown, or of a value that is not known: such oddities cost at
most that field, and are told in `notices`.
"""

from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Generic, TypeAlias, TypeVar, get_type_hints

from recorder.exchange.fields import ProtocolError
from recorder.exchange.records import Asset, Order, Position
from recorder.exchange.values import Notices, Reader, read_integer

T = TypeVar("T")
_COLUMNS: Final[dict[type, tuple[tuple[str, Reader, bool], ...]]] = {}


def _columns(kind: type) -> tuple[tuple[str, Reader, bool], ...]:
    """Each field's name, how it is read, and whether a record must have it."""
    if kind not in _COLUMNS:
        hints = get_type_hints(kind, include_extras=True)
        _COLUMNS[kind] = tuple(
            (each.name, hints[each.name].__metadata__[0], each.default is MISSING) for each in fields(kind)
        )
    return _COLUMNS[kind]


def read_record(kind: type[T], item: object, notices: Notices, **beside: object) -> T:
    """One record from an object; `beside` serves where the object leaves a field out.

    An optional field that cannot be read is None and told. Raises ProtocolError where a required one cannot.
    """
    where = kind.__name__.lower()
    if not isinstance(item, dict):
        raise ProtocolError(f"{where} is not an object")
    values: dict[str, Any] = {}
    for name, read, required in _columns(kind):
        value = item.get(name, beside.get(name))
        try:
            values[name] = read(value, f"{where}.{name}", notices)
        except ProtocolError as error:
            if required:
                raise
            values[name] = None
            notices.append(str(error))
        if required and values[name] is None:
            raise ProtocolError(f"{where}.{name} is missing")
    known = {name for name, _, _ in _columns(kind)}
    notices += [f"unknown field {where}.{name}" for name in item if name not in known]
    return kind(**values)


def read_records(kind: type[T], items: object, notices: Notices) -> list[T]:
    """Records from a list (null stands for an empty one); one that cannot be read is told and left out."""
    if items is None:
        return []
    if not isinstance(items, list):
        raise ProtocolError(f"{kind.__name__.lower()}s are not a list")
    found: list[T] = []
    for item in items:
        try:
            found.append(read_record(kind, item, notices))
        except ProtocolError as error:
            notices.append(str(error))
    return found


def read_assets(data: object, notices: Notices) -> list[Asset]:
    """The assets by name, of `asset/query` and of an asset push; one that cannot be read is told and left
    out. Raises ProtocolError where they are not by name, or none can be read."""
    if not isinstance(data, dict):
        raise ProtocolError("assets are not an object")
    found: list[Asset] = []
    for name, item in data.items():
        try:
            found.append(read_record(Asset, item, notices, asset=name))
        except ProtocolError as error:
            notices.append(str(error))
    if data and not found:
        raise ProtocolError(notices[-1])
    return found


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, newest first. `told` is how many records came, read or not; `size` how many may
    come on one and `count` how many there are on all, where the venue says so. Its `count` is 0 now and then
    on a full page: it proves that more is to come, never that nothing is."""

    records: list[T]
    told: int
    size: int | None = None
    count: int = 0


def read_page(kind: type[T], data: object, notices: Notices) -> Page[T]:
    """Raises ProtocolError where it is no page."""
    records = data.get("records") if isinstance(data, dict) else None
    if records is None and isinstance(data, dict):
        records = []  # null for an empty list
    if not isinstance(records, list):
        raise ProtocolError("page without records")
    size, count = (data.get(name) if isinstance(data, dict) else None for name in ("page_size", "count"))
    return Page(
        read_records(kind, records, notices),
        len(records),
        size if isinstance(size, int) else None,
        count if isinstance(count, int) else 0,
    )


# --- private pushes ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PositionPush:
    """`event` is the venue's number for what happened to the position; its meanings are not documented."""

    event: int | None
    position: Position
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderPush:
    """`event` as in a position's push, where there is one."""

    event: int | None
    order: Order
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetPush:
    assets: tuple[Asset, ...]
    notices: tuple[str, ...] = ()


PrivatePush: TypeAlias = PositionPush | OrderPush | AssetPush


def read_private(stream: str, result: object) -> PrivatePush:
    """The `result` of an `update.position`, `update.order` or `update.asset`."""
    notices: Notices = []
    if stream == "asset":
        assets = read_assets(result, notices)
        return AssetPush(tuple(assets), tuple(notices))
    if not isinstance(result, dict):
        raise ProtocolError(f"{stream} is not an object")
    inner = result.get(stream)
    event = read_integer(result.get("event"), f"{stream}.event", notices) if inner is not None else None
    item = result if inner is None else inner
    if stream == "position":
        position = read_record(Position, item, notices)
        return PositionPush(event, position, tuple(notices))
    if stream == "order":
        order = read_record(Order, item, notices)
        return OrderPush(event, order, tuple(notices))
    raise ProtocolError(f"unknown private stream {stream!r}")
