"""Every odd file works, or is refused for a reason that is documented; and nothing is lost."""

import csv
import io
import os
import re

import pytest
from support.paths import ROOT
from support.zoo import Zoo

from ser_pcq import load
from ser_pcq.inference.recording import REASONS, WARNINGS


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return Zoo(tmp_path_factory.mktemp("zoo") / "animals")


@pytest.fixture(scope="module")
def told(zoo):
    """What is said of each file."""
    predictor = load("emodb-small", speech="energy")
    return {name: predictor.predict(zoo.folder / name) for name in zoo.animals}


def word(reason):
    return None if reason is None else reason.word


def test_every_file_is_judged_or_refused_as_it_should_be(zoo, told):
    assert len(zoo.animals) >= 90
    expected = {n: (a.status, a.reason, a.warnings) for n, a in zoo.animals.items()}
    given = {
        name: (p.status, word(p.reason), tuple(map(word, p.warnings))) for name, p in told.items()
    }
    assert given == expected


def test_the_same_recording_gives_the_same_probabilities_in_whatever_file(zoo, told):
    same = [name for name, animal in zoo.animals.items() if animal.is_same]
    assert len(same) >= 30
    plain = told["plain.wav"]
    for name in same:
        assert told[name].duration == pytest.approx(plain.duration), name
        # 16 bits as floats and as integers differ by a part in 32768.
        assert told[name].probabilities == pytest.approx(plain.probabilities, abs=1e-3), name


def test_every_word_is_documented_and_every_documented_word_is_one(told):
    text = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
    for registry, heading in ((REASONS, "reason"), (WARNINGS, "warning")):
        table = text.split(f"| {heading} | what it means |")[1].split("\n\n")[0]
        rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|$", table, re.MULTILINE))
        assert rows == registry
    assert {word(p.reason) for p in told.values()} - {None} <= set(REASONS)
    # Only parts can end behind their file, and the zoo has whole files, all of speech or refused.
    found = {word(w) for p in told.values() for w in p.warnings}
    assert found == WARNINGS.keys() - {"beyond_end", "perhaps_no_speech"}


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_command_accounts_for_every_file_in_order_with_any_number_of_processes(
    zoo, told, command
):
    call = ("predict", zoo.folder, "--model", "emodb-small", "--speech", "energy", "--format")
    one = command(*call, "csv")
    several = command(*call, "csv", "--jobs", 3)
    assert (one.returncode, several.returncode) == (1, 1)
    assert several.stdout == one.stdout
    rows = rows_of(one.stdout)
    # In a folder, what has no name of audio is not looked at.
    names = [row["path"].rsplit("/", 1)[1] for row in rows]
    shown = {n.encode(errors="backslashreplace").decode(): n for n in zoo.animals}
    in_folder = sorted(name for name in zoo.animals if not name.endswith(".raw"))
    assert sorted(shown[name] for name in names) == in_folder
    assert [row["path"] for row in rows] == sorted(row["path"] for row in rows)
    for row, name in zip(rows, names, strict=True):
        assert row["status"] == told[shown[name]].status
        assert row["reason"].partition(":")[0] == (word(told[shown[name]].reason) or "")
    failed = sum(a.status != "ok" for a in zoo.animals.values())
    assert f"{failed} of {len(in_folder)} files could not be judged" in one.stderr
    assert "Traceback" not in one.stderr + several.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_in_the_zoo(zoo):
    assert "locked.wav" in zoo.animals
