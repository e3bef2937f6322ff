"""What a drawn chart consists of, read from its SVG."""

import re
from html.parser import HTMLParser

import vl_convert

from analytics.charts.theme import LIGHT

_LABEL = "label"
_SHAPES = {"path", "line", "text", "rect", "image"}


class _Reader(HTMLParser):
    """Shapes in groups of marks, by kind and by figure of a page; axes, legends and grounds are none.

    Of a figure also the labels of its axes: where a scale is wrong, they are what is missing.
    """

    def __init__(self):
        super().__init__()
        self.marks = {}
        self.figures = {}
        self.labels = {}
        self._groups = []
        self._figure = []
        self._labels = []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "figure":
            name = found.get("data-chart") or f"market {found.get('data-of-market')}"
            self._figure = self.figures.setdefault(name, [])
            self._labels = self.labels.setdefault(name, [])
        if tag == "g":
            kind = re.match(r"mark-(\w+) role-mark", found.get("class") or "")
            is_label = "role-axis-label" in (found.get("class") or "")
            self._groups.append(kind[1] if kind else _LABEL if is_label else None)
        elif tag == "text" and self._groups and self._groups[-1] == _LABEL:
            self._labels.append(found)
        elif tag in _SHAPES and self._groups and self._groups[-1] not in {None, "group", _LABEL}:
            self.marks.setdefault(self._groups[-1], []).append(found)
            self._figure.append(found)

    def handle_endtag(self, tag):
        if tag == "g":
            self._groups.pop()


def svg_of(chart, width=600):
    """A chart as SVG in the colours of a light page; its specification is held to the schema on the way."""
    return vl_convert.vegalite_to_svg({**chart.to_dict(validate=True), "width": width, "config": LIGHT})


def shapes_of(svg):
    """The attributes of each shape of a drawing, by kind of mark."""
    reader = _Reader()
    reader.feed(svg)
    return reader.marks


def marks_of(svg):
    """How many shapes of each kind of mark a drawing has."""
    return {kind: len(shapes) for kind, shapes in shapes_of(svg).items()}


def figures_of(page):
    """How many shapes and how many labels of axes each figure of a drawn page has, by its name."""
    reader = _Reader()
    reader.feed(page)
    return {name: (len(shapes), len(reader.labels[name])) for name, shapes in reader.figures.items()}


def width_of(shape):
    """How wide a rectangle is."""
    return float(re.search(r"h(-?[\d.]+)", shape["d"])[1])


def rows_of_chart(chart, table=0):
    """The rows that a chart was drawn of: of its tables, in the order of their layers, this one."""
    return list(chart.to_dict(validate=False)["datasets"].values())[table]
