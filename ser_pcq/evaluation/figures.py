"""Figures, drawn on their own canvas: without a display and without pyplot's state."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ser_pcq.evaluation.calibration import N_BINS, Calibration
from ser_pcq.evaluation.metrics import COMPARED, Confusion
from ser_pcq.evaluation.risk_coverage import RiskCoverage
from ser_pcq.files import whole_file

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
    ratios = confusion.ratios
    shown = [f"{metric.title} {100 * ratios[name]:.2f} %" for name, metric in COMPARED.items()]
    axes.set_title(f"{', '.join(shown)}, {confusion.n_utterances} utterances")
    figure.colorbar(image, ax=axes, label="share of the reference", shrink=0.8)
    return figure


def reliability_figure(calibration: Calibration) -> "Figure":
    """Draw accuracy over confidence in bins, and below how many utterances each bin holds.

    A dot is at the mean confidence of its bin; its distance from the dashed diagonal is what
    the calibration error averages. Below the diagonal the confidence is too high.
    """
    from matplotlib.figure import Figure

    bins = calibration.bins
    lefts, width = [b.low for b in bins], 1 / N_BINS
    figure = Figure(figsize=(5.5, 6.0), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    accuracies = [b.accuracy for b in bins]
    style = {"align": "edge", "color": "lightsteelblue", "edgecolor": "white"}
    upper.bar(lefts, accuracies, width, **style)
    upper.plot([0, 1], [0, 1], color="grey", linestyle="--")
    upper.plot([b.confidence for b in bins], accuracies, "o", color="tab:blue", clip_on=False)
    upper.set_ylim(0, 1)
    upper.set_ylabel("share of right answers")
    upper.set_title(
        f"ECE {100 * calibration.ece:.2f} %, NLL {calibration.nll:.3f}, "
        f"{calibration.n_utterances} utterances\ndashed: right as often as the confidence says"
    )
    counts = lower.bar(lefts, [b.count for b in bins], width, **style)
    lower.bar_label(counts, fontsize=7)
    lower.margins(y=0.25)  # room for the number over the highest bar
    lower.set_xlim(0, 1)
    lower.set_xlabel("confidence")
    lower.set_ylabel("utterances")
    return figure


def risk_coverage_figure(
    curve: RiskCoverage, corpora: Mapping[str, RiskCoverage] | None = None
) -> "Figure":
    """Draw the share of wrong answers among those kept over the share kept, both in percent.

    The dashed line is the risk without a threshold: what a confidence that says nothing would give.

    Args:
        curve: Of all answers.
        corpora: Name to the curve of each corpus, which are drawn in the place of that of all.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.5, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for name, one in (corpora or {"": curve}).items():
        (line,) = axes.plot(
            [100 * point.coverage for point in one.points],
            [100 * point.risk for point in one.points],
            "-" if corpora else "o-",
            markersize=2,
            label=name,
        )
        axes.axhline(
            100 * one.points[-1].risk,
            color=line.get_color() if corpora else "grey",
            linestyle="--",
            linewidth=0.8,
        )
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("coverage: most confident answers kept, in %")
    axes.set_ylabel("risk: wrong among the kept, in %")
    title = f"AURC {curve.area:.4f}, {curve.n_utterances} utterances"
    if corpora:
        title = "each corpus left out in training"
        axes.legend()
    axes.set_title(f"{title}\ndashed: the risk of all answers")
    return figure


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG at 150 dots per inch, whole or not at all.

    Neither a date nor the drawing software's version is stored: equal figures give equal bytes.
    """
    with whole_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})
