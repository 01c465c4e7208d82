"""Outputs that commit 983a9ba left unfinished are completed, with the results that it had."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import soundfile
from support.paths import ROOT, SOUNDS

from ser_pcq.models.folder import GRAPH, WEIGHTS
from ser_pcq.models.sharing.packages import write_package

STORED = ROOT / "tests" / "support" / "stored_983a9ba" / "journals"
THEN = 1_700_000_000 * 10**9  # ns; when the files of that job were changed last
NAMES = ["a.wav", "b.wav", "c.wav", "d.wav", "e.flac", "z.wav"]


@pytest.fixture
def workplace(tmp_path):
    """The recordings and the model of that job; the last recording was not judged in it."""
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    samples, rate = soundfile.read(SOUNDS / "calm.wav", dtype="int16")
    soundfile.write(recordings / "a.wav", samples, rate)
    soundfile.write(recordings / "b.wav", samples[: rate // 2], 8000)
    (recordings / "c.wav").write_text("no audio\n")
    soundfile.write(recordings / "d.wav", np.zeros(rate, np.int16), rate)
    shutil.copy(SOUNDS / "slow.flac", recordings / "e.flac")
    soundfile.write(recordings / "z.wav", samples[rate:], rate)
    write_package("emodb-small", tmp_path / "model")
    for path in (*recordings.iterdir(), *(tmp_path / "model").iterdir()):
        os.utime(path, ns=(THEN, THEN))
    return tmp_path


SIZES_THEN = {GRAPH: 494886, WEIGHTS: 766412}
"""Bytes; both files have been written again since, with embeddings and a speech head, and the
answers stayed."""


def begin_from(name, journal):
    """Put a journal of that job there, as if its model had the files of now."""
    text = (STORED / name).read_text()
    for file, then in SIZES_THEN.items():
        assert text.count(str(then)) == 1
        text = text.replace(str(then), str((journal.parent / "model" / file).stat().st_size))
    journal.write_text(text)


CALL = ("predict", "recordings", "--model", "model", "--speech", "energy")
FILE = (*CALL, "--output", "emotions.csv", "--min-confidence", 0.9)
FOLDER = (*CALL, "--format", "srt", "--output-dir", "labels")


FORMATS_SINCE = "libsndfile reads; media as FFmpeg reads them"


def test_an_unfinished_file_goes_on_and_ends_as_it_would_have(workplace, command):
    journal = workplace / "emotions.csv.unfinished"
    begin_from(journal.name, journal)
    lines = journal.read_text().splitlines()
    results = [json.loads(line)["prediction"] for line in lines[1:]]
    assert {r["status"] for r in results} == {"ok", "abstained", "rejected"}
    # What it had is not judged again: another confidence in it is another one in the output.
    changed = lines[2].replace('"confidence": 0.99', '"confidence": 0.95')
    assert changed != lines[2]
    journal.write_text("\n".join([lines[0], lines[1], changed, *lines[3:]]) + "\n")
    result = command(*FILE, "--resume", cwd=workplace)
    assert "continuing; 5 earlier results are kept" in result.stderr
    assert "2 of 6 files could not be judged" in result.stderr
    assert not journal.exists()
    with (workplace / "emotions.csv").open(newline="") as file:
        kept = list(csv.DictReader(file))
    (workplace / "emotions.csv").unlink()
    command(*FILE, cwd=workplace)
    with (workplace / "emotions.csv").open(newline="") as file:
        fresh = list(csv.DictReader(file))
    assert [row["path"] for row in kept] == [f"recordings/{name}" for name in NAMES]
    assert float(kept[1]["confidence"]) == pytest.approx(float(fresh[1]["confidence"]) - 0.04)
    # Reasons and warnings with all their details, and every number.
    kept[1]["confidence"] = fresh[1]["confidence"]
    for row in kept:  # which formats are accepted has changed since
        row["reason"] = row["reason"].replace("libsndfile reads", FORMATS_SINCE)
    assert kept == fresh


def test_an_unfinished_folder_goes_on(workplace, command):
    begin_from("labels.unfinished", workplace / "labels.unfinished")
    result = command(*FOLDER, "--resume", cwd=workplace)
    assert "continuing; 5 earlier results are kept" in result.stderr
    assert f"recordings/d.wav: silent: {SILENT}" in result.stderr
    assert not (workplace / "labels.unfinished").exists()
    kept = {path.name: path.read_bytes() for path in (workplace / "labels").iterdir()}
    shutil.rmtree(workplace / "labels")
    command(*FOLDER, cwd=workplace)
    assert kept == {path.name: path.read_bytes() for path in (workplace / "labels").iterdir()}
    assert len(kept) == 4


SILENT = (
    "the audio is silent; accepted: a peak of 0.0001 of full scale or more; check the recording"
)


def test_a_reason_of_then_is_one_of_now(workplace, command):
    """The table shows the first part of a reason, whoever wrote it."""
    journal = workplace / "table.txt.unfinished"
    begin_from("emotions.csv.unfinished", journal)
    call = (*CALL, "--min-confidence", 0.9, "--output", "table.txt")
    command(*call, "--resume", cwd=workplace)
    kept = (workplace / "table.txt").read_text()
    (workplace / "table.txt").unlink()
    command(*call, cwd=workplace)
    assert kept == (workplace / "table.txt").read_text()
    assert "rejected: silent: the audio is silent\n" in kept
