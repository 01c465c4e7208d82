"""Figures, drawn on their own canvas: without a display and without pyplot's state."""

from pathlib import Path
from typing import TYPE_CHECKING

from ser_pcq.files import whole_file
from ser_pcq.metrics import Confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def confusion_figure(confusion: Confusion) -> "Figure":
    """Draw counts as a matrix, reference down and prediction across.

    The colour is the share of the row, so that rare classes are as readable as frequent ones; each
    cell holds the count and that share in percent, which on the diagonal is the recall.

    Raises:
        ScoreError: When nothing was counted.
    """
    # matplotlib takes long to import and most commands draw nothing.
    from matplotlib.figure import Figure

    labels, counts = confusion.labels, confusion.counts
    shares = [[n / sum(row) if sum(row) else 0.0 for n in row] for row in counts]
    side = max(4.0, 1.8 + 0.75 * len(labels))  # inches
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, row in enumerate(counts):
        for j, n in enumerate(row):
            # Light letters on a dark cell, dark ones on a light cell.
            color = "white" if shares[i][j] > 0.5 else "black"
            text = f"{n}\n{100 * shares[i][j]:.0f} %" if n else "0"
            axes.text(j, i, text, ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("prediction")
    axes.set_ylabel("reference")
    axes.set_title(
        f"WA {100 * confusion.weighted_accuracy:.2f} %, UA "
        f"{100 * confusion.unweighted_accuracy:.2f} %, {confusion.n_utterances} utterances"
    )
    figure.colorbar(image, ax=axes, label="share of the reference", shrink=0.8)
    return figure


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG at 150 dots per inch, whole or not at all.

    Neither a date nor the drawing software's version is stored: equal figures give equal bytes.
    """
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})
