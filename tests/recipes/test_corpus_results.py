"""What the pages of RAVDESS and nEMO say is what the committed predictions give."""

import re

import pytest
from support.paths import RECIPES

from ser_pcq.evaluation.collect import read_experiment
from ser_pcq.evaluation.scores import score_experiment

RESULTS = sorted(
    path.parent
    for corpus in ("ravdess", "nemo")
    for path in (RECIPES / corpus / "results").glob("*/*/seeds.json")
)


def row(folder):
    """Return the cells of the row of a system and a protocol, behind its first two."""
    page = (folder.parents[2] / "RESULTS.md").read_text(encoding="utf-8")
    pattern = rf"^\| [^|]*`{folder.parent.name}`[^|]*\| {folder.name} \| (.*) \|$"
    (found,) = re.findall(pattern, page, flags=re.MULTILINE)
    return found.split(" | ")


@pytest.mark.parametrize("folder", RESULTS, ids=lambda p: "-".join(p.parts[-4:]))
def test_the_table_holds_what_predictions_give(folder):
    experiment = read_experiment(folder)
    scores = score_experiment(experiment)
    of_seeds = list(scores.seeds.values())
    means = [
        sum(100 * one.ratios[name] for one in of_seeds) / len(of_seeds) for name in ("wa", "ua")
    ]
    low, high = scores.mean.intervals["ua"] if len(of_seeds) > 1 else of_seeds[0].intervals["ua"]
    ece = sum(100 * one.calibration.ece for one in of_seeds) / len(of_seeds)
    leaks = {leak.kind for run in experiment.runs.values() for leak in run.proof.verdict.leaks}
    assert row(folder) == [
        *(f"{one:.1f}" for one in means),
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{ece:.1f}",
        ", ".join(sorted(leaks)) or "none",
    ]
