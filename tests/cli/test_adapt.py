"""`ser-adapt`, and `ser-predict --own-voice`."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.commands import environment
from support.paths import ROOT
from support.voices import recordings, trained

from ser_pcq import Journal, PredictOptions
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform

EXAMPLES = sorted(p for p in (ROOT / "examples").iterdir() if p.suffix in {".wav", ".flac", ".ogg"})


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Recordings of two speakers, `f02_anger_01.wav` for example, below one folder."""
    folder = tmp_path_factory.mktemp("voices")
    recordings(folder, per_class=4, speakers=2)
    return folder / "wav"


@pytest.fixture(scope="module")
def halves(tmp_path_factory) -> Path:
    """Halves of the examples, two to a recording: real speech, 18 s in all."""
    folder = tmp_path_factory.mktemp("halves")
    cut = [np.array_split(read_waveform(path), 2) for path in EXAMPLES]
    for k, path in enumerate(EXAMPLES):
        for half in range(2):
            joined = np.concatenate([cut[k][half], cut[k - 1][1 - half]])
            soundfile.write(folder / f"{path.stem}_{half}.wav", joined, SAMPLE_RATE)
    return folder


def rows(done):
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_commands_in_the_plain_installation(halves, tmp_path):
    """An embedded model, real speech, and no PyTorch: importing it fails."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'sklearn', 'pandas', 'scipy']));"
        "from ser_pcq.cli.{0} import main; sys.argv = ['ser-{0}', *sys.argv[1:]]; main()"
    )

    def run(name, *arguments):
        line = [sys.executable, "-c", code.format(name), *map(str, arguments)]
        return subprocess.run(
            line, env=environment(), cwd=ROOT, capture_output=True, text=True, check=False
        )

    out = tmp_path / "anna"
    done = run("adapt", "emodb-small", halves, out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert f"adapted emodb-small to {2 * len(EXAMPLES)} recordings" in said[-2]
    assert said[-1] == f"ser-adapt: wrote {out}"
    assert not (out / "base").exists()
    assert json.loads((out / "adapted.json").read_text())["base"]["name"] == "emodb-small"
    adapted = run("predict", halves, "--model", out, "--format", "csv")
    assert adapted.returncode == 0, adapted.stderr
    at_once = run("predict", halves, "--model", "emodb-small", "--own-voice", "--format", "csv")
    assert at_once.returncode == 0, at_once.stderr
    assert {row.pop("model") for row in rows(adapted)} == {"anna"}
    assert {row.pop("model") for row in rows(at_once)} == {"emodb-small+own-voice"}
    assert adapted.stdout.replace(",anna,", ",,") == at_once.stdout.replace(
        ",emodb-small+own-voice,", ",,"
    )


def test_each_speaker_has_a_model(model, voices, tmp_path, command):
    shutil.copytree(voices, tmp_path / "all")
    shutil.copy(voices / sorted(p.name for p in voices.iterdir())[0], tmp_path / "all" / "x_1.wav")
    by = r"^(?P<speaker>[^_]+)_"  # it begins below the folder
    done = command(
        "predict", tmp_path / "all", "--model", model, "--own-voice-by", by, "--format", "csv"
    )
    assert done.returncode == 0, done.stderr
    found = {Path(row["path"]).name.split("_")[0]: row["model"] for row in rows(done)}
    assert found.pop("x") == "exp"
    assert found == {speaker: f"exp+{speaker}" for speaker in found}
    assert len(found) == 2
    assert "ser-predict: x: exp is not adapted: too few recordings" in done.stderr
    for speaker in found:
        assert f"ser-predict: {speaker}: adapted exp to 12 recordings" in done.stderr
    vectors = command(
        "predict",
        tmp_path / "all",
        *("--model", model, "--own-voice-by", by, "--embeddings", tmp_path / "v.npz"),
    )
    assert vectors.returncode == 0, vectors.stderr
    with np.load(tmp_path / "v.npz") as file:
        assert list(file["label"]) == [row["label"] for row in rows(done)]


@pytest.mark.parametrize(
    "more",
    [
        ("--own-voice", "--segments"),
        ("--own-voice", "--min-confidence", "0.5"),
        ("--own-voice-by", r"^(?P<speaker>[^_]+)_"),
    ],
)
def test_several_processes_answer_as_one(halves, tmp_path, more, command):
    for path in halves.iterdir():
        for speaker in ("anna", "ben"):
            shutil.copy(path, tmp_path / f"{speaker}_{path.name}")
    shutil.copy(tmp_path / "ben_fear_0.wav", tmp_path / "x_1.wav")
    options = ("--model", "emodb-small", "--format", "jsonl", *more)
    one, two = (command("predict", tmp_path, *options, "--jobs", n) for n in (1, 2))
    assert one.returncode == 0, one.stderr
    assert one.stdout == two.stdout
    assert one.stderr == two.stderr
    assert "+" in one.stdout


def test_results_go_into_files_and_an_interrupted_job_is_not_continued_otherwise(
    model, voices, tmp_path, command
):
    out = tmp_path / "out.csv"
    options = ("--model", model, "--output", out, "--resume")
    done = command("predict", voices, *options, "--own-voice")
    assert done.returncode == 0, done.stderr
    whole = out.read_text()
    out.rename(tmp_path / "whole.csv")
    journal = tmp_path / "out.csv.unfinished"
    plain = ["predict", voices, "--model", model, "--output", out]
    kept = Journal(journal, PredictOptions(str(model)), own_voice="others")
    list(kept.completed([], lambda recordings: []))
    for more in ((), ("--own-voice",)):
        done = command(*plain, "--resume", *more)
        assert done.returncode == 1
        assert "differs in own_voice" in done.stderr
    journal.unlink()
    assert command(*plain, "--own-voice").returncode == 0
    assert out.read_text() == whole


@pytest.mark.parametrize(
    ("options", "there", "message"),
    [
        (("--output", "out.csv"), "out.csv", "the output exists already"),
        (("--embeddings", "out.npz"), "out.npz", "the output exists already"),
        (("--embeddings", "out.txt"), "other", "out.txt"),
        (("--format", "srt", "--output-dir", "."), "fear_0.srt", "exists already"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_a_voice_is_heard(
    options, there, message, halves, tmp_path, command
):
    (tmp_path / there).touch()
    flag = [one if one.startswith("--") or one == "srt" else tmp_path / one for one in options]
    done = command("predict", halves, "--model", "emodb-small", "--own-voice", *flag)
    assert done.returncode == 1
    assert message in done.stderr
    assert "adapted emodb-small" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [there]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_folder_whose_name_is_not_text_can_be_written_and_read(halves, tmp_path, command):
    out = os.fsdecode(os.fsencode(tmp_path) + b"/anna\xff")
    done = command("adapt", "emodb-small", halves, out)
    assert done.returncode == 0, done.stderr
    done = command("predict", halves, "--model", out, "--format", "csv")
    assert {row["model"] for row in rows(done)} == {"anna\\udcff"}


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_heard(halves, command):
    done = command("adapt", "emodb-small", halves, next(halves.iterdir()) / "anna")
    assert done.returncode == 1
    assert "the output cannot be written" in done.stderr
    assert "hearing" not in done.stderr


def test_recordings_that_were_heard_before_are_told(halves, tmp_path, command):
    first = command("adapt", "emodb-small", halves, tmp_path / "anna")
    again = command("adapt", tmp_path / "anna", halves, tmp_path / "again")
    assert "count once more" not in first.stderr
    assert "warning: 10 recordings count once more" in again.stderr


def test_an_empty_name_is_no_folder(halves, command):
    done = command("adapt", "emodb-small", halves, "")
    assert done.returncode == 2
    assert "name a folder that is not there yet" in done.stderr


def test_recordings_of_one_emotion_are_judged_by_the_model_as_it_is(model, tmp_path, command):
    recordings(tmp_path, per_class=12)
    angry = sorted((tmp_path / "wav").glob("*anger*"))
    done = command("predict", *angry, "--model", model, "--own-voice", "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert "exp is not adapted: the recordings may be of one emotion alone" in done.stderr
    assert {row["model"] for row in rows(done)} == {"exp"}
    done = command("adapt", model, *angry, tmp_path / "out")
    assert done.returncode == 1
    assert "add recordings of other emotions" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("emodb-small", "examples/fear.wav", "OUT"), "given: 1 of 1; accepted: 10 or more"),
        (("emodb-small", "examples", "gone.wav", "OUT"), "of 8, without gone.wav (missing"),
        (("nowhere", "examples", "OUT"), "no such model; given: nowhere"),
        (("emodb-small", "docs", "OUT"), "no recording found"),
        (("emodb-small", "examples", "docs"), "the output exists already; given: docs"),
    ],
)
def test_mistakes_are_explained_and_nothing_is_written(arguments, message, tmp_path, command):
    out = tmp_path / "out"
    done = command("adapt", *(out if one == "OUT" else one for one in arguments))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--own-voice",), 1, "too few recordings of the voice count"),
        (("--own-voice-by", "(?P<speaker>.)"), 1, "no speaker has recordings enough that count"),
        (("--own-voice-by", "(?P<speaker>a)n"), 1, "the pattern finds no speaker in"),
        (("--own-voice-by", "x"), 1, "no group named speaker"),
        (("--own-voice", "--own-voice-by", "x"), 2, "takes the place of --own-voice"),
        (("--own-voice", "--mix", "split"), 2, "--mix split"),
        (
            ("--own-voice-by", "x", "--stream"),
            2,
            "--stream goes with --model, --speech, --own-voice,",
        ),
    ],
)
def test_own_voices_that_cannot_be(options, code, message, command):
    paths = () if "--stream" in options else ("examples",)
    done = command("predict", *paths, "--model", "emodb-small", *options)
    assert done.returncode == code
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("speaker", ["03", "14"])
def test_emodb_is_known_as_well_after_adapting_as_before(speaker, emodb_dir, tmp_path, command):
    """The models have heard all of it, so there is nothing to gain; nothing must be lost."""
    paths = sorted(emodb_dir.rglob(f"{speaker}*.wav"))
    meant = dict(
        W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral"
    )
    done = command("adapt", "emodb-small", *paths, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    right = {}
    for model in ("emodb-small", tmp_path / "out"):
        found = rows(command("predict", *paths, "--model", model, "--format", "csv"))
        right[model] = sum(row["label"] == meant[Path(row["path"]).name[5]] for row in found)
    before, after = right.values()
    assert after > 0.95 * before > 0.9 * len(paths)
