"""Imports run one way: each room may know only the rooms listed beside it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OUTSIDE = {"recorder.exchange", "recorder.journal"}
FLOORS = ("store", "decoding", "gaps", "grades", "days", "publishing", "proving")
"""Of the lake: each stands on those before it, and all of them on the modules beside them."""
ALLOWED = {
    "recorder.exchange": set(),
    "recorder.journal": set(),
    "recorder.client": {"recorder.exchange"},
    "recorder.capture": {*OUTSIDE, "recorder.client"},
    "recorder.lake": OUTSIDE,
    "recorder.simulator": {"recorder.exchange"},
    "recorder.past": {*OUTSIDE, "recorder.client", "recorder.capture", "recorder.simulator"},
    "recorder.commands": {"recorder", "analytics"},
    "analytics": set(),
}
"""The commands compose, and so do `recorder.config`, `recorder.service` and the others beside the rooms,
which are not held."""
ALSO = {
    "recorder.simulator.recording": {"recorder.journal.reader"},  # it serves our own journals
    # What is stored, and what is on its way there, is the lake's interface.
    "analytics": {"recorder.lake.store", "recorder.lake.publishing.tail"},
}
NOT_PURE = {"asyncio", "socket", "time", "threading", "os", "pathlib", "io", "aiohttp", "websockets"}
MODULES = [path for room in ALLOWED for path in sorted((ROOT / room.replace(".", "/")).rglob("*.py"))]


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path):
    """Every module a file imports, at its top or inside a function; `from a import b` may mean a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield from {
                node.module,
                *(f"{node.module}.{alias.name}" for alias in node.names if is_module(node, alias)),
            }


def is_module(node, alias):
    path = ROOT / node.module.replace(".", "/") / alias.name
    return path.is_dir() or path.with_suffix(".py").is_file()


def within(module, rooms):
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_the_rooms_it_may_know(path):
    module = name_of(path)
    room = next(room for room in ALLOWED if within(module, [room]))
    may = {room, *ALLOWED[room], *(name for key in ALSO if within(module, [key]) for name in ALSO[key])}
    ours = {name for name in imported(path) if within(name, ["recorder", "analytics"])} - {"recorder"}
    assert {name for name in ours if not within(name, may)} == set()


@pytest.mark.parametrize("path", sorted((ROOT / "recorder/lake").rglob("*.py")), ids=name_of)
def test_a_module_of_the_lake_imports_none_from_a_floor_above(path):
    floor = path.parent.name
    below = FLOORS[: FLOORS.index(floor) + 1] if floor in FLOORS else ()
    of_lake = [name.split(".") for name in imported(path) if within(name, ["recorder.lake"])]
    assert {words[2] for words in of_lake if len(words) > 2} & set(FLOORS) <= set(below)


@pytest.mark.parametrize("path", sorted((ROOT / "recorder/exchange").glob("*.py")), ids=name_of)
def test_the_venues_language_is_pure(path):
    assert {name.partition(".")[0] for name in imported(path)} & NOT_PURE == set()


def test_every_folder_of_code_is_a_room_with_rules_and_nearly_no_init():
    folders = {name_of(path.parent / "x").removesuffix(".x") for path in (ROOT / "recorder").glob("*/*.py")}
    assert folders | {"analytics"} == set(ALLOWED)
    assert {path.parent.name for path in (ROOT / "recorder/lake").glob("*/*.py")} == set(FLOORS)
    public = {"analytics", "charts"}  # they list their names
    inits = [path for path in MODULES if path.name == "__init__.py" and path.parent.name not in public]
    assert all(len(path.read_text().splitlines()) <= 5 for path in inits)


@pytest.mark.parametrize("package", ["recorder", "analytics"])
def test_who_uses_a_package_has_its_types(package):
    assert (ROOT / package / "py.typed").is_file()
