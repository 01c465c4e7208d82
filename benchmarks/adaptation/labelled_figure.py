"""Draw the learning curves of `labelled.py`: UA over the number of labelled recordings.

python benchmarks/adaptation/labelled_figure.py UA.json FILE.png
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {"others": "other speakers", "same": "the same speaker"}
COLOURS = {
    "as it is": "#777777",
    "without labels": "#e69f00",
    "alone": "#56b4e9",
    "adapted": "#b2182b",
}


def curves_figure(means: dict[str, float]) -> "Figure":
    """Draw a row of plots for each kind of test, and a column for each corpus.

    Args:
        means: UA in percent by `kind/corpus/system/number of recordings of each emotion`.
    """
    from matplotlib.figure import Figure

    points = [(*name.split("/"), value) for name, value in means.items()]
    corpora = sorted({corpus for _, corpus, _, _, _ in points})
    kinds = [kind for kind in KINDS if any(kind == one[0] for one in points)]
    numbers = sorted({int(n) for _, _, _, n, _ in points})
    figure = Figure(figsize=(3.2 * len(corpora) + 0.6, 2.7 * len(kinds) + 0.6), dpi=150)
    grid = figure.subplots(len(kinds), len(corpora), sharex=True, sharey="col", squeeze=False)
    for row, kind in zip(grid, kinds, strict=True):
        for axes, corpus in zip(row, corpora, strict=True):
            for system, colour in COLOURS.items():
                own = [p for p in points if p[:3] == (kind, corpus, system)]
                line = sorted((numbers.index(int(n)), value) for *_, n, value in own)
                axes.plot(*zip(*line, strict=True), "o-", color=colour, ms=3, label=system)
            axes.set_xticks(range(len(numbers)), [str(n) for n in numbers])
            axes.set_title(f"{corpus}, {KINDS[kind]}", fontsize=9)
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(axis="y", color="#dddddd", linewidth=0.6)
            axes.tick_params(labelsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("labelled recordings of each emotion", fontsize=8)
    for row in grid:
        row[0].set_ylabel("UA, percent", fontsize=8)
    grid[0][0].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    return figure


def main() -> None:
    """Draw."""
    from ser_pcq.files import whole_file

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("means", type=Path)
    parser.add_argument("figure", type=Path)
    options = parser.parse_args()
    figure = curves_figure(json.loads(options.means.read_text(encoding="utf-8")))
    with whole_file(options.figure) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
