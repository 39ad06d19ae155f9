"""The one theme: colours that differ for every reader, on light and on dark paper.

Each colour has a contrast of at least 3:1 with its paper. Any two of a palette differ for readers who see no red,
no green or no blue. The eighth is grey and means ``other``. `tests/charts` measures both.
"""

from typing import Any, Final

__all__ = ["ACCENT", "CONFIG", "DARK", "GREY", "LIGHT", "SERIES"]

LIGHT: Final = ("#0072b2", "#d25a00", "#2d94dd", "#78000f", "#3c3cb4", "#b0205a", "#2b2250", "#72787f")
"""Colours of series on white paper."""
DARK: Final = ("#5ab4f0", "#e1a500", "#a5d296", "#c8452f", "#40e0e8", "#4a74c4", "#ffe0a0", "#8b949e")
"""Colours of the same series on dark paper; pages switch with the reader's setting."""
ACCENT: Final = "#0072b2"
"""What a chart is about; it shows on both papers."""
GREY: Final = "#72787f"
"""What it is not about; likewise."""
SERIES: Final = 7
"""Series that have a colour of their own."""

CONFIG: Final[dict[str, Any]] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "grid": True,
        "gridOpacity": 0.3,
        "domain": False,
        "labelFontSize": 12,
        "labelLimit": 220,
        "labelOverlap": True,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "title": {"anchor": "start", "fontSize": 14, "fontWeight": 600, "offset": 12},
    "legend": {"orient": "top", "title": None, "labelFontSize": 12, "labelLimit": 200},
    "range": {"category": list(LIGHT)},
    "mark": {"color": ACCENT},
    "text": {"fontSize": 12},
    "line": {"strokeWidth": 2},
}
"""The configuration of every chart. It has no colour of text: pages and JupyterLab set one that fits the paper."""
