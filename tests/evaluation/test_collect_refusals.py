"""A damaged experiment folder gives no score: the real command, one line on stderr, no file."""

import shutil
from dataclasses import replace

import pytest
from support import stored

from ser_pcq.evaluation.table import write_predictions

TABLE = "predictions.csv"


def rewrite(exp, number, change):
    """Replace the lines of a fold's table by `change(header, rows)`."""
    path = exp / f"fold_{number:02d}" / TABLE
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(header, rows)) + "\n", encoding="utf-8")


def change_cells(exp, **cells):
    """Put other cells, by column, into the third row of fold 2."""

    def change(header, rows):
        values = dict(zip(header.split(","), rows[2].split(","), strict=True)) | cells
        return [header, *rows[:2], ",".join(values.values()), *rows[3:]]

    rewrite(exp, 2, change)


def copy_row(exp):
    """Let fold 2 hold, in the place of one of its own, an utterance that fold 1 tests too."""
    first = (exp / "fold_01" / TABLE).read_text(encoding="utf-8").splitlines()[1]
    rewrite(exp, 2, lambda header, rows: [header, *rows[1:], first.replace(",s1,1,", ",s2,2,")])


def add_fold(exp, number):
    """Add a fold of another speaker, as left behind by another experiment."""
    table = stored.predictions(number).by_fold()[number]
    write_predictions(exp / f"fold_{number:02d}" / TABLE, table)


def add_copy(exp):
    """Add fold 1 once more, under the next number."""
    table = stored.predictions().by_fold()[1]
    rows = tuple(replace(row, fold=5) for row in table.rows)
    write_predictions(exp / "fold_05" / TABLE, replace(table, rows=rows))


def remove_row(exp):
    rewrite(exp, 2, lambda header, rows: [header, *rows[1:]])


def keep_header(exp):
    rewrite(exp, 2, lambda header, rows: [header])


def remove_everything(exp):
    (exp / "fold_02" / TABLE).write_bytes(b"")


def remove_fold(exp):
    shutil.rmtree(exp / "fold_04")


def remove_table(exp):
    (exp / "fold_02" / TABLE).unlink()


# What is done to the folder, whether it has a split.json, and what the line must say.
DAMAGES = {
    "a fold is missing": (remove_fold, True, ["folds without predictions", ": 4;"]),
    "a table is missing": (remove_table, False, ["folds without predictions", ": 2;"]),
    "a foreign fold": (lambda exp: add_fold(exp, 7), True, ["not in ", "split.json: 7;"]),
    "a foreign fold that leaves a gap": (
        lambda exp: add_fold(exp, 7),
        False,
        ["folds without predictions", ": 5, 6;"],
    ),
    "a fold twice": (add_copy, False, ["tested twice", "01_00 in fold 1 and in fold 5"]),
    "an utterance in two folds": (
        copy_row,
        True,
        ["tested twice", "01_00 in fold 1 and in fold 2"],
    ),
    "an utterance in two folds, no split": (
        copy_row,
        False,
        ["tested twice", "01_00 in fold 1 and in fold 2"],
    ),
    "a part of a fold": (remove_row, True, ["fold 2", "lacks utterances", "1 of them: 02_00"]),
    "NaN": (
        lambda exp: change_cells(exp, joy="nan"),
        True,
        ["fold_02/predictions.csv, line 4", "outside [0, 1]", "nan"],
    ),
    "unknown answer": (
        lambda exp: change_cells(exp, prediction="fear"),
        True,
        ["fold_02/predictions.csv, line 4", "unknown label in column prediction", "'fear'"],
    ),
    "unknown reference": (
        lambda exp: change_cells(exp, reference="fear"),
        False,
        ["fold_02/predictions.csv, line 4", "unknown label in column reference", "'fear'"],
    ),
    "a sum below one": (
        lambda exp: change_cells(exp, anger="0.1", joy="0.1", neutral="0.7", prediction="neutral"),
        True,
        ["fold_02/predictions.csv, line 4", "do not sum to 1", "0.9"],
    ),
    "only a header": (keep_header, True, ["fold_02/predictions.csv", "holds no predictions"]),
    "an empty file": (remove_everything, True, ["fold_02/predictions.csv, line 1", "nothing"]),
}


def check_refused(done, folder, before, words):
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("ser-eval: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_gives_no_score(tmp_path, command, damage):
    do, split, words = DAMAGES[damage]
    exp = stored.write_experiment(tmp_path / "exp", stored.predictions(), split=split)
    do(exp)
    before = sorted(tmp_path.rglob("*"))
    options = ["--format", "json", "--output-dir", tmp_path / "out"] if split else []
    check_refused(command("eval", exp, *options), tmp_path, before, words)


def test_the_same_folder_undamaged_is_scored(tmp_path, command):
    for split in (True, False):
        exp = stored.write_experiment(tmp_path / str(split), stored.predictions(), split=split)
        done = command("eval", exp)
        assert done.returncode == 0, done.stderr
        assert "pooled WA" in done.stdout
        assert (exp / "scores.json").is_file()


def test_one_damaged_seed_stops_the_scores_of_all(tmp_path, command):
    for seed in (0, 1):
        stored.write_experiment(tmp_path / f"seed_{seed}", stored.predictions(seed=seed))
    change_cells(tmp_path / "seed_1", joy="nan")
    before = sorted(tmp_path.rglob("*"))
    check_refused(command("eval", tmp_path), tmp_path, before, ["seed_1/fold_02", "line 4", "nan"])


def test_a_single_table_is_held_against_the_split(tmp_path, command):
    table = stored.predictions()
    tests = {n: [row.utterance_id for row in part.rows] for n, part in table.by_fold().items()}
    stored.write_split(tmp_path, tests)
    for rows, words in (
        (table.rows[10:], ["folds without predictions", ": 1;"]),
        (table.rows[1:], ["fold 1", "lacks utterances", "01_00"]),
        (
            (*table.rows, replace(table.rows[0], utterance_id="99")),
            ["fold 1", "not in its test set", "99"],
        ),
    ):
        write_predictions(tmp_path / TABLE, replace(table, rows=rows))
        before = sorted(tmp_path.rglob("*"))
        check_refused(command("eval", tmp_path), tmp_path, before, words)


def test_a_damaged_folder_is_not_compared(tmp_path, command):
    whole = stored.write_experiment(tmp_path / "whole", stored.predictions())
    broken = stored.write_experiment(tmp_path / "broken", stored.predictions(seed=1))
    change_cells(broken, joy="nan")
    before = sorted(tmp_path.rglob("*"))
    for a, b in ((whole, broken), (broken, whole)):
        done = command("eval", "--compare", a, b, "--output-dir", tmp_path / "out")
        check_refused(done, tmp_path, before, ["broken/fold_02/predictions.csv, line 4", "nan"])
