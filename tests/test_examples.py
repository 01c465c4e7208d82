"""The examples are what they are called, and are found; the page shows what the demo prints."""

import csv
import re
import subprocess
import sys

import pytest
from support.pages import blocks
from support.paths import ROOT

from ser_pcq import load
from ser_pcq.audio.decoder import opened
from ser_pcq.errors import AudioError

EXAMPLES, VOICE = ROOT / "examples", ROOT / "voice_example"
with (EXAMPLES / "meant.csv").open(newline="", encoding="utf-8") as file:
    ROWS = list(csv.DictReader(file))
NAMES = [row["file"] for row in ROWS]


def readable(name):
    """Whether this installation decodes the file: a phone's needs an extra."""
    try:
        with opened(EXAMPLES / name):
            return True
    except AudioError:
        return False


def test_the_tables_name_the_recordings_that_are_there():
    others = {".md", ".py", ".csv"}
    there = {p.name: p for p in EXAMPLES.iterdir() if p.is_file() and p.suffix not in others}
    assert sorted(NAMES) == sorted(there)
    assert sum(path.stat().st_size for path in there.values()) < 400_000
    assert len({path.suffix for path in there.values()}) >= 5
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \| `(.*?)` \|$", text, re.MULTILINE)
    assert rows == [(r["file"], r["format"], r["listeners"], r["recording"]) for r in ROWS]
    codes = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear"}
    codes |= {"F": "happiness", "T": "sadness", "N": "neutral"}
    for row in ROWS:
        # The name says what was meant, and so does EMO-DB's.
        assert row["file"].split(".")[0] == row["meant"] == codes[row["recording"][5]]
    assert "CC BY 4.0" in text
    assert "Burkhardt" in text


@pytest.mark.parametrize("name", NAMES)
def test_each_emotion_is_found(name):
    if not readable(name):
        pytest.skip("this installation cannot decode it")
    prediction = load().predict(EXAMPLES / name)
    assert prediction.label == name.split(".")[0]
    assert prediction.confidence > 0.9


def test_the_demo_prints_what_the_page_shows(command):
    predicted = command("predict", "examples", "--format", "csv")
    call = [sys.executable, EXAMPLES / "compare.py"]
    shown = subprocess.run(
        call, input=predicted.stdout, capture_output=True, text=True, check=True
    ).stdout
    assert "learnt from these very recordings" in shown
    page = next(block for block in blocks(ROOT / "README.md", "text") if "meant" in block)
    table = shown.split("\n\n")[0].splitlines()
    for line, expected in zip(table, page.splitlines(), strict=True):
        name = line.split()[0]
        if name in NAMES and not readable(name):
            assert line.split()[2] == "rejected:"
        else:
            assert line == expected
    assert (
        "examples --format csv | $(BIN)/python examples/compare.py"
        in (ROOT / "Makefile").read_text()
    )


def found(command, table, *options):
    """How many recordings of the voice a command finds as they were meant."""
    predicted = command("predict", "voice_example", *options, "--format", "csv")
    call = [sys.executable, EXAMPLES / "compare.py", VOICE / table]
    shown = subprocess.run(
        call, input=predicted.stdout, capture_output=True, text=True, check=True
    ).stdout
    return int(re.search(r"^(\d+) of \d+ were found", shown, re.MULTILINE)[1])


PAGES = [(ROOT / page).read_text("utf-8") for page in ("README.md", "voice_example/README.md")]


def test_a_voice_is_found_more_often_after_adapting_and_the_pages_say_how_often(command):
    before, after = found(command, "meant.csv"), found(command, "meant.csv", "--own-voice")
    assert after >= before + 3
    for page in PAGES:
        assert re.search(rf"\b{before} of 30.*\b{after}\b", page, re.DOTALL)


def test_labelled_recordings_teach_a_model_and_the_pages_say_how_much(command, tmp_path):
    data, model = tmp_path / "taught", tmp_path / "taught-model"
    command("data", "prepare", "csv", "voice_example/taught.csv", str(data))
    command("adapt", "voices-large", "--data", str(data), str(model))
    before, after = (
        found(command, "others.csv", "--model", str(one)) for one in ("voices-large", model)
    )
    assert after >= before + 3
    for page in PAGES:
        assert re.search(rf"\b{before} of 15.*\b{after}\b", page, re.DOTALL)


def test_the_voice_is_what_its_table_says():
    with (VOICE / "meant.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == sorted(path.name for path in VOICE.glob("*.mp3"))
    assert {row["recording"][:2] for row in rows} == {"08"}
    codes = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear"}
    codes |= {"F": "happiness", "T": "sadness", "N": "neutral"}
    assert all(row["meant"] == codes[row["recording"][5]] for row in rows)
