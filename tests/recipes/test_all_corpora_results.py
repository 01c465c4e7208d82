"""What the page of results says is what the committed predictions give."""

import re

import pytest
from support.paths import RECIPES

from ser_pcq.evaluation.collect import read_experiment
from ser_pcq.evaluation.restricted import restricted
from ser_pcq.evaluation.scores import score_experiment

RECIPE = RECIPES / "all_corpora"
FOUR = ("anger", "happiness", "neutral", "sadness")
CORPORA = {"EMO-DB": "emodb", "RAVDESS": "ravdess", "nEMO": "nemo"}
SYSTEMS = sorted(path.parent.name for path in (RECIPE / "results").glob("*/clean"))
NETWORKS = sorted(path.parent.name for path in (RECIPE / "results").glob("*/copies"))


def rows(system):
    """The rows of a system on the page, corpus to cells."""
    page = (RECIPE / "RESULTS.md").read_text(encoding="utf-8")
    found = re.findall(rf"^\| ([\w-]+) \| `{system}` \| (.*) \|$", page, flags=re.MULTILINE)
    return {CORPORA[name]: cells.split(" | ") for name, cells in found}


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_table_holds_what_predictions_give(system):
    experiment = read_experiment(RECIPE / "results" / system / "clean")
    experiment.refuse_leaks()
    page = rows(system)
    assert page.keys() == set(CORPORA.values())
    of_all, of_four = (
        next(iter(score_experiment(one).seeds.values()))
        for one in (experiment, restricted(experiment, FOUR))
    )
    for fold, among in zip(of_all.folds, of_four.folds, strict=True):
        assert len(among.labels) == 4
        low, high = among.interval
        assert page[fold.tested] == [
            f"{100 * among.ua:.1f}",
            f"{100 * low:.1f} to {100 * high:.1f}",
            f"{100 * among.ece:.1f}",
            f"{100 * fold.ua:.1f}",
            f"{100 * fold.ece:.1f}",
        ]


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_corpus_is_known_to_the_model_that_is_tested_on_it(system):
    for run in read_experiment(RECIPE / "results" / system / "clean").runs.values():
        assert "corpora" in run.proof.verdict.verified
        assert sorted(run.proof.corpora.values()) == sorted(CORPORA.values())


def ua_of(experiment):
    """Mean UA of the seeds for each corpus, in percent to a digit."""
    seeds = list(score_experiment(experiment).seeds.values())
    found = {}
    for corpus in CORPORA.values():
        folds = [next(fold for fold in one.folds if fold.tested == corpus) for one in seeds]
        found[corpus] = f"{sum(100 * fold.ua for fold in folds) / len(folds):.1f}"
    return [found[corpus] for corpus in CORPORA.values()]


@pytest.mark.parametrize("system", NETWORKS)
def test_the_table_of_networks_holds_what_predictions_give(system):
    experiment = read_experiment(RECIPE / "results" / system / "copies")
    experiment.refuse_leaks()
    page = (RECIPE / "RESULTS.md").read_text(encoding="utf-8").replace("**", "")
    six, eces = r"(\d+\.\d(?: \| \d+\.\d){5})", r"\d+, \d+, \d+"
    (cells,) = re.findall(rf"^\| [^|]*`{system}`[^|]*\| {six} \| {eces} \|$", page, re.MULTILINE)
    assert cells.split(" | ") == [*ua_of(restricted(experiment, FOUR)), *ua_of(experiment)]
