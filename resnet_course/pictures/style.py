"""What all figures look like: colours that everybody can tell apart, and large letters."""

from __future__ import annotations

# Okabe and Ito's colours. Line styles differ as well, for people who see no colours at all.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":", (0, (7, 2)), (0, (3, 1, 1, 1)), (0, (1, 3)))
STYLE = {
    "font.size": 13,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 2.5,
    "figure.dpi": 90,
    "legend.frameon": False,
    "legend.fontsize": 12,
    "axes.titlelocation": "left",
    "axes.titlesize": 14,
    "axes.labelsize": 12,
}
