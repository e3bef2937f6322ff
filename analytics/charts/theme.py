"""The colours: for light and for dark pages, and for eyes that cannot tell red from green."""

from typing import Any, Final

import altair as alt

BUY: Final = "#2f7fc1"
SELL: Final = "#e08214"
QUIET: Final = "#8a94a3"
SERIES: Final = (BUY, SELL, QUIET)
"""Of lines, in their order."""
MARKETS: Final = (BUY, SELL, "#009e73", "#cc79a7", "#6b4fa0", "#c3a800", "#8f2f0c", "#4bbcd0", QUIET)
"""Of markets beside one another, in the order of their names: told apart without red against green, too."""
GRADES: Final = {"A": "#b5d7ee", "B": "#6fb0de", "C": "#cf7c12", "D": "#8f2f0c"}
"""Blue is whole, orange is not; the worse, the darker, for those who see no colours, and for paper."""
MISSING: Final = "#11161d"
REPAIRED: Final = "#ffffff"
"""Of gaps: what is still missing, and what is not any more."""
UNSEEN: Final = "unseen"
"""The style of a map's ground: what nothing is known of."""
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_DARKENING: Final = ("#0b3c6f", "#2f7fc1", "#9cc7e8", "#f7f7f5", "#f6c188", "#e08214", "#8a3d06")
_BRIGHTENING: Final = ("#b9dcfb", "#4f9fe0", "#2c5f8f", "#3a414b", "#875a24", "#e08a1e", "#ffd195")
"""Blue to orange over what zero is: the further from it, the more they differ from the page."""


def _config(ink: str, faint: str, line: str, unseen: str, both_ways: tuple[str, ...]) -> dict[str, Any]:
    """A Vega-Lite config. `both_ways` are the colours of a scale with zero in its middle."""
    words = {"labelColor": faint, "titleColor": ink, "labelFontSize": 11, "titleFontSize": 11}
    return {
        "font": _FONT,
        "background": None,
        "padding": {"left": 0, "right": 8, "top": 4, "bottom": 4},
        "view": {"stroke": None},
        "mark": {"color": BUY},
        "style": {UNSEEN: {"fill": unseen, "stroke": None}, "ink": {"color": ink}, "guide-label": {}},
        "axis": words
        | {"domainColor": line, "gridColor": line, "tickColor": line, "titleFontWeight": "normal"}
        | {"titlePadding": 8, "labelPadding": 4, "tickSize": 4},
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False, "tickCount": 5},
        "legend": words
        | {"orient": "top", "titleFontWeight": "normal", "titleAnchor": "start", "symbolStrokeWidth": 2}
        | {"titleLimit": 320, "offset": 8, "columnPadding": 14, "columns": 5},
        "range": {
            "category": list(MARKETS),
            "heatmap": {"scheme": "viridis"},
            "diverging": list(both_ways),
        },
    }


LIGHT: Final = _config("#1f2733", "#566070", "#dfe3e8", "#eceff2", _DARKENING)
DARK: Final = _config("#e6e9ee", "#a3acb9", "#333b46", "#262d36", _BRIGHTENING)


@alt.theme.register("recorder", enable=False)
def recorder() -> alt.theme.ThemeConfig:
    """For notebooks: `alt.theme.enable("recorder")`."""
    return alt.theme.ThemeConfig(config={**LIGHT, "background": "white"})  # type: ignore[typeddict-item]
