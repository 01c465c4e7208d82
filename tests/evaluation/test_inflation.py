"""What a protocol adds: the difference to the first, on the same utterances, with its interval."""

import dataclasses
import json

import pytest
from support import stored

from ser_pcq.config import ProtocolConfig
from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.comparison.compare import compare
from ser_pcq.evaluation.inflation import format_inflation, inflation_report
from ser_pcq.files import write_json
from ser_pcq.protocols.split_file import make_split, read_split, write_split_file


@pytest.fixture
def folders(tmp_path):
    """The same system under three protocols; the last one with two seeds."""
    for name, accuracy in (("clean", 0.6), ("random", 0.9)):
        table = stored.predictions(8, accuracy=accuracy)
        stored.write_experiment(tmp_path / name, table)
    for seed in (0, 1):
        table = stored.predictions(8, accuracy=0.7, seed=seed)
        stored.write_experiment(tmp_path / "seeds" / f"seed_{seed}", table)
    return [tmp_path / name for name in ("clean", "random", "seeds")]


def test_each_row_holds_its_scores_and_the_paired_difference_to_the_first(folders):
    clean, random, seeds = inflation_report(folders).rows
    first = stored.predictions(8, accuracy=0.6)
    other = stored.predictions(8, accuracy=0.9)
    assert clean.added is None
    assert clean.ratios["wa"] == first.confusion().weighted_accuracy
    assert random.ratios["wa"] == other.confusion().weighted_accuracy
    assert random.added.pooled["wa"] == compare(first, other).pooled["wa"]
    assert random.added.pooled["wa"].difference == pytest.approx(
        random.ratios["wa"] - clean.ratios["wa"]
    )
    assert random.intervals["wa"][0] < random.ratios["wa"] < random.intervals["wa"][1]
    means = [stored.predictions(8, accuracy=0.7, seed=s).confusion() for s in (0, 1)]
    assert seeds.ratios["ua"] == pytest.approx(sum(c.unweighted_accuracy for c in means) / 2)


def test_the_table_is_markdown_with_a_row_for_each_protocol(folders):
    lines = format_inflation(inflation_report(folders)).splitlines()
    assert len(lines) == 5
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert lines[2].startswith("| clean |")
    assert "| – | – |" in lines[2]
    assert "+" in lines[3]


def test_seeds_are_held_against_the_same_seeds(folders, tmp_path):
    only = stored.write_experiment(
        tmp_path / "one" / "seed_1", stored.predictions(8, accuracy=0.9, seed=1)
    ).parent
    seeds, one = inflation_report([folders[2], only]).rows
    a, b = (stored.predictions(8, accuracy=accuracy, seed=1) for accuracy in (0.7, 0.9))
    assert one.added.pooled["wa"] == compare(a, b).pooled["wa"]
    mean_of_both_seeds = seeds.ratios["wa"]
    assert one.added.pooled["wa"].a != pytest.approx(mean_of_both_seeds)


def test_a_leak_of_any_seed_stands_in_the_table(folders, tmp_path):
    seed = folders[2] / "seed_1"
    split = read_split(seed / "split.json")
    first, *others = split.folds
    leaky = dataclasses.replace(first, train=(*first.train, first.test[0]))
    write_split_file(seed / "split.json", make_split([leaky, *others], ProtocolConfig()))
    rows = inflation_report(folders).rows
    assert {leak.kind for leak in rows[2].proof.verdict.leaks} == {"same-utterance"}
    assert rows[0].proof.verdict.leaks == ()


def test_another_system_is_warned_of(folders):
    for folder, name in zip(folders[:2], ("pcq", "egemaps-svm"), strict=True):
        config = {"model": {"name": name}, "train": {"select": name}, "protocol": {"name": name}}
        write_json(folder / "config.json", {"config": config})
    warnings = inflation_report(folders[:2]).warnings
    assert len(warnings) == 1
    assert "another system" in warnings[0]
    config["model"]["name"] = "pcq"
    write_json(folders[1] / "config.json", {"config": config})
    assert inflation_report(folders[:2]).warnings == ()


def test_other_utterances_are_refused(folders, tmp_path):
    other = stored.write_experiment(tmp_path / "other", stored.predictions(7))
    with pytest.raises(ScoreError):
        inflation_report([folders[0], other])


def test_the_command(folders, command, tmp_path):
    options = [word for folder in folders[1:] for word in ("--inflation", folder)]
    done = command("eval", folders[0], *options, "--output-dir", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == format_inflation(inflation_report(folders)) + "\n"
    table = json.loads((tmp_path / "out" / "inflation.json").read_text())["protocols"]
    assert [row["name"] for row in table] == ["clean", "random", "seeds"]
    assert table[1]["added"]["wa"]["b_minus_a"] > 0
    assert command("eval", folders[0], "--compare", folders[1], *options).returncode == 2
