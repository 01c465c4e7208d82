"""`ser-predict --list`: what a list names is judged as if it had been named one by one."""

import csv
import io
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet
from support.commands import environment, line
from support.paths import ROOT

from ser_pcq import load, read_list
from ser_pcq.audio.decoders import ffmpeg, pyav
from ser_pcq.inference.jobs.journal import Journal, journal_of

EXAMPLES = ROOT / "examples"
FILES = [EXAMPLES / name for name in ("fear.wav", "sadness.flac", "disgust.mp3")]
SMALL = ("--model", "emodb-small", "--speech", "energy")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def lists(tmp_path_factory):
    """The same recordings as lists of all kinds."""
    folder = tmp_path_factory.mktemp("lists")
    names = [*map(str, FILES), "none.wav"]
    (folder / "list.txt").write_text("\n".join(names))
    (folder / "list.csv").write_text("\n".join(["file", *names]))
    parquet.write_table(pa.table({"file": names}), folder / "list.parquet")
    (folder / "data").mkdir()
    scp = "".join(f"u{k} {name}\n" for k, name in enumerate(names))
    for path in (folder / "list.scp", folder / "data" / "wav.scp"):
        path.write_text(scp)
    return folder


@pytest.mark.parametrize("name", ["list.txt", "list.csv", "list.parquet", "list.scp", "data", "-"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_list_is_judged_as_files_that_are_named(lists, command, name, jobs):
    call = (*SMALL, "--format", "csv", "--jobs", jobs)
    plain = command("predict", *FILES, "none.wav", *call)
    if name == "-":
        with (lists / "list.txt").open() as names:
            result = subprocess.run(
                line("predict", "--list", "-", *call),
                stdin=names,
                env=environment(),
                capture_output=True,
                text=True,
            )
    else:
        result = command("predict", "--list", lists / name, *call)
    assert result.returncode == 1
    assert "1 of 4 files" in result.stderr
    found = rows(result.stdout)
    ids = [row.pop("utterance", None) for row in found]
    assert found == rows(plain.stdout)
    assert ids == (["u0", "u1", "u2", "u3"] if name in ("list.scp", "data") else [None] * 4)


def test_an_id_stands_where_people_and_programs_look_for_it(lists, command, tmp_path):
    data = lists / "data"
    table = command("predict", "--list", data, *SMALL).stdout.splitlines()
    assert [one.split()[0] for one in table] == ["utterance", "u0", "u1", "u2", "u3"]
    records = command("predict", "--list", data, *SMALL, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(one)["utterance"] for one in records] == ["u0", "u1", "u2", "u3"]
    rttm = command("predict", "--list", data, *SMALL, "--format", "rttm").stdout.splitlines()
    assert {one.split()[1] for one in rttm} == {"u0", "u1", "u2"}
    srt = (*SMALL, "--format", "srt", "--output-dir", tmp_path / "srt", "--plot", tmp_path / "png")
    command("predict", "--list", data, *srt)
    assert sorted(p.name for p in (tmp_path / "srt").iterdir()) == ["u0.srt", "u1.srt", "u2.srt"]
    assert sorted(p.name for p in (tmp_path / "png").iterdir()) == ["u0.png", "u1.png", "u2.png"]
    for name in ("v.npz", "v.parquet"):
        command("predict", "--list", data, *SMALL, "--embeddings", tmp_path / name)
    with np.load(tmp_path / "v.npz") as vectors:
        assert vectors["utterance"].tolist() == ["u0", "u1", "u2", "u3"]
    written = parquet.read_table(tmp_path / "v.parquet")
    assert written["utterance"].to_pylist() == ["u0", "u1", "u2", "u3"]


@pytest.mark.parametrize("seconds", [3, 40])
def test_a_part_is_judged_as_if_it_were_alone(tmp_path, seconds):
    """Also in a long recording, of which a long part is decoded again."""
    wave, rate = soundfile.read(FILES[1])
    whole = np.tile(wave, 25)[: (seconds + 20) * rate]
    soundfile.write(tmp_path / "whole.wav", whole, rate)
    first = 5 * rate + 123
    soundfile.write(tmp_path / "part.wav", whole[first : first + seconds * rate], rate)
    (tmp_path / "wav.scp").write_text("r whole.wav\n")
    start = first / rate
    (tmp_path / "segments").write_text(f"u r {start} {start + seconds}\nlate r 70 71\n")
    predictor = load("emodb-small", segments=True, speech="energy")
    part, late = predictor.predict_all(read_list(tmp_path))
    alone = predictor.predict(tmp_path / "part.wav")
    assert part.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
    assert part.segments[0].start == pytest.approx(alone.segments[0].start, abs=1e-3)
    assert (part.duration, part.utterance, part.label) == (alone.duration, "u", alone.label)
    assert (late.status, late.reason.word, late.utterance) == ("rejected", "bad_range", "late")


def test_what_a_part_hears_does_not_depend_on_the_rest_of_the_file(tmp_path):
    rate = 16_000
    wave = soundfile.read(FILES[0])[0][:rate]
    soundfile.write(tmp_path / "a.wav", np.concatenate([wave, np.zeros(3 * rate)]), rate)
    (tmp_path / "wav.scp").write_text("r a.wav\n")
    (tmp_path / "segments").write_text("speech r 0 1\nsilence r 2 3\n")
    speech, silence = load("emodb-small").predict_all(read_list(tmp_path))
    assert (speech.status, speech.warnings) == ("ok", ())
    assert (silence.status, silence.reason.word) == ("rejected", "silent")


def test_an_interrupted_list_goes_on_where_it_was(lists, command, tmp_path):
    """With ids, from a pipe as well, and a name that comes twice is judged twice."""
    listed = lists / "list.scp"
    names = [*listed.read_text().splitlines()] * 2
    (tmp_path / "twice.scp").write_text("\n".join(names))
    output = tmp_path / "out.jsonl"
    call = (*SMALL, "--format", "jsonl", "--output", output)
    predictor = load("emodb-small", speech="energy")
    journal = Journal(journal_of(output), predictor.options)
    completed = journal.completed(read_list(tmp_path / "twice.scp"), predictor.predict_all)
    first = [next(completed) for _ in range(5)]
    completed.close()
    assert first[0] == first[4]
    result = command("predict", "--list", tmp_path / "twice.scp", *call, "--resume")
    assert "5 earlier results" in result.stderr
    plain = command("predict", "--list", tmp_path / "twice.scp", *SMALL, "--format", "jsonl")
    assert output.read_text() == plain.stdout
    assert plain.stdout.count("\n") == 8


def test_a_part_with_other_times_is_judged_again(tmp_path):
    """The id and the file are the same, and only `segments` has changed."""
    (tmp_path / "wav.scp").write_text(f"r {FILES[1]}\n")
    predictor = load("emodb-small")
    durations = []
    for resume, times in ((False, "0 1"), (True, "0 1"), (True, "0.5 2")):
        (tmp_path / "segments").write_text(f"u r {times}\n")
        journal = Journal(tmp_path / "journal", predictor.options, resume=resume)
        (told,) = journal.completed(read_list(tmp_path), predictor.predict_all)
        durations.append((len(journal), told.duration))
    assert durations == [(0, 1.0), (1, 1.0), (1, 1.5)]


def test_what_lacked_a_decoder_is_tried_again(tmp_path, monkeypatch):
    phone = EXAMPLES / "anger.m4a"
    (tmp_path / "list").write_text(f"{phone}\n{FILES[0]}\n")
    predictor = load("emodb-small")
    with monkeypatch.context() as patch:
        patch.setattr(pyav, "is_installed", lambda: False)
        patch.setattr(ffmpeg, "program", lambda: None)
        journal = Journal(tmp_path / "journal", predictor.options)
        told = list(journal.completed(read_list(tmp_path / "list"), predictor.predict_all))
        assert told[0].reason.word == "no_decoder"
    journal = Journal(tmp_path / "journal", predictor.options, resume=True)
    assert len(journal) == 1
    told = list(journal.completed(read_list(tmp_path / "list"), predictor.predict_all))
    assert [p.status for p in told] == ["ok", "ok"]


@pytest.mark.parametrize(("end", "words"), [(2.9, []), (3.2, []), (9.0, ["beyond_end"])])
def test_a_part_that_ends_behind_its_file_is_judged_with_a_warning(tmp_path, end, words):
    (tmp_path / "wav.scp").write_text(f"r {FILES[1]}\n")
    (tmp_path / "segments").write_text(f"u r 1 {end}\n")
    (told,) = load("emodb-small").predict_all(read_list(tmp_path))
    assert told.status == "ok"
    assert [w.word for w in told.warnings] == words


def test_a_closed_standard_input_is_an_error():
    for option in (["--list", "-"], ["--stream"]):
        call = shlex.join(line("predict", *option, *SMALL))
        done = subprocess.run(
            ["sh", "-c", f"{call} <&-"], env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 1
        assert "standard input is closed" in done.stderr


def test_names_that_come_slowly_are_judged_as_they_come(lists):
    """`--list -` answers before the next name is there."""
    call = line("predict", "--list", "-", *SMALL, "--format", "jsonl")
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as process:
        for file in FILES:
            process.stdin.write(os.fsencode(file) + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["path"] == str(file)
        process.stdin.close()
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["--list", "l", "a.wav"], "takes the place of PATH"),
        (["--column", "x", "a.wav"], "goes with --list only"),
        (["--list", "l", "--stream"], "goes with"),
        ([], "use --list or --stream"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(command, call, words):
    result = command("predict", *call)
    assert result.returncode == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())


def test_an_empty_list_is_an_error(command, tmp_path):
    (tmp_path / "list").write_text("\n\n")
    result = command("predict", "--list", tmp_path / "list")
    assert result.returncode == 1
    assert "names no recording" in result.stderr


_MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_a_job_of_many_needs_no_more_memory_than_one_of_few(tmp_path):
    """In kilobytes; the journal and the output grow on the disk only, also when it resumes."""
    peaks = []
    for n_names in (100, 20_000):
        names, output = tmp_path / f"{n_names}.txt", tmp_path / f"{n_names}.csv"
        names.write_text("".join(f"/none/of/these/files/is/there/{k}\n" for k in range(n_names)))
        call = line("predict", "--list", names, *SMALL, "--output", output)
        done = subprocess.run(
            [sys.executable, "-c", _MEASURE, *map(str, call)], capture_output=True, text=True
        )
        assert output.read_text().count("\n") == n_names + 1, done.stderr
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 8_000
