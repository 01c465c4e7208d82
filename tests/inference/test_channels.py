"""Channels taken apart: a result for each, in every format, however the job is run."""

import csv
import io
import json

import numpy as np
import pytest
import soundfile
from support.zoo import RATE, speech

from ser_pcq import load
from ser_pcq.errors import SerError
from ser_pcq.inference.jobs.journal import Journal
from ser_pcq.inference.options import PredictOptions

SMALL = ("--model", "emodb-small", "--speech", "energy")
VOICE = speech(3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Calls of two speakers, one of them long, beside a mono file and one that is damaged."""
    folder = tmp_path_factory.mktemp("calls")
    two = np.stack([VOICE, 0.5 * speech(4)[RATE:][::-1]], axis=1)
    soundfile.write(folder / "call.wav", two, RATE)
    soundfile.write(folder / "half.wav", two * np.array([1.0, 0.0]), RATE)
    soundfile.write(folder / "long.wav", np.tile(two, (11, 1)), RATE)
    soundfile.write(folder / "mono.wav", VOICE, RATE)
    (folder / "text.wav").write_text("this is no audio, whatever it is called\n" * 9)
    return folder


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """Each channel of the call as a file of its own, judged."""
    place = tmp_path_factory.mktemp("alone")
    samples, _ = soundfile.read(folder / "call.wav", dtype="int16")
    for k in (1, 2):
        soundfile.write(place / f"{k}.wav", samples[:, k - 1], RATE)
    predictor = load("emodb-small", speech="energy")
    return [predictor.predict(place / f"{k}.wav") for k in (1, 2)]


def test_a_channel_is_judged_as_if_it_were_alone(folder, alone):
    split = load("emodb-small", speech="energy", mix="split").predict(folder / "call.wav")
    assert (split.label, split.status, split.channel) == (None, "ok", None)
    for k, (one, wanted) in enumerate(zip(split.each_channel(), alone, strict=True), start=1):
        assert one.channel == k
        assert one.probabilities == pytest.approx(wanted.probabilities)
        assert one.warnings == wanted.warnings
        only = load("emodb-small", speech="energy", mix=str(k)).predict(folder / "call.wav")
        assert only == one
    mixed = load("emodb-small", speech="energy").predict(folder / "call.wav")
    assert [w.word for w in mixed.warnings] == ["channels_differ"]
    assert (mixed.channel, mixed.each_channel()) == (None, (mixed,))


def test_what_cannot_be_split_says_so(folder):
    predictor = load("emodb-small", speech="energy", mix="split")
    mono = predictor.predict(folder / "mono.wav")
    assert [p.channel for p in mono.channels] == [1]
    half = predictor.predict(folder / "half.wav")
    assert [(p.status, p.channel) for p in half.channels] == [("ok", 1), ("rejected", 2)]
    assert half.status == "ok"
    broken = predictor.predict(folder / "text.wav")
    assert (broken.status, broken.channels) == ("rejected", ())
    third = load("emodb-small", mix="3").predict(folder / "call.wav")
    assert (third.status, third.reason.word, third.channel) == ("rejected", "no_channel", 3)
    assert "accepted: 1 to 2" in str(third.reason)


@pytest.mark.parametrize("mix", ["", "0", "-1", "left", "1.5", "²"])
def test_other_ways_to_mix_are_refused(mix):
    with pytest.raises(SerError, match="no such way to mix"):
        PredictOptions(mix=mix)


def test_samples_in_memory_are_taken_apart_as_files_are(folder):
    samples, rate = soundfile.read(folder / "call.wav")
    for mix in ("split", "2"):
        predictor = load("emodb-small", speech="energy", mix=mix)
        given = predictor.predict_samples(samples, rate).each_channel()
        wanted = predictor.predict(folder / "call.wav").each_channel()
        assert [p.channel for p in given] == [p.channel for p in wanted]
        for one, other in zip(given, wanted, strict=True):
            assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_pictures_are_drawn_of_each_channel(folder, tmp_path, command):
    pytest.importorskip("matplotlib")
    command("predict", folder / "call.wav", *SMALL, "--mix", "split", "--plot", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"call-1.png", "call-2.png"}


def test_every_format_says_which_channel(folder, tmp_path, command):
    split = ("predict", folder, *SMALL, "--mix", "split")
    rows = list(csv.DictReader(io.StringIO(command(*split, "--format", "csv").stdout)))
    places = [(row["path"].rsplit("/")[-1], row["channel"]) for row in rows]
    assert places == [
        *[(name, k) for name in ("call.wav", "half.wav", "long.wav") for k in "12"],
        ("mono.wav", "1"),
        ("text.wav", ""),
    ]
    lines = command(*split, "--format", "jsonl", "--segments").stdout.splitlines()
    objects = [json.loads(line) for line in lines]
    assert [str(one.get("channel", "")) for one in objects] == [k for _, k in places]
    assert all("channels" not in one for one in objects)
    assert [one["label"] or "" for one in objects] == [row["label"] for row in rows]
    rttm = [line.split() for line in command(*split, "--format", "rttm").stdout.splitlines()]
    assert {(f[1].rsplit("/")[-1], f[2]) for f in rttm} == set(places[:3] + places[4:7])
    table = command(*split).stdout.splitlines()
    assert table[0].split() == ["file", "channel", "length", "emotion", "confidence"]
    assert len(table) == 1 + len(rows)
    for name in ("textgrid", "srt", "audacity"):
        out = tmp_path / name
        command(*split, "--format", name, "--output-dir", out)
        assert {path.stem for path in out.iterdir()} == {"call", "half", "long", "mono"}
    assert (tmp_path / "srt" / "call.srt").read_text().count(" --> ") >= 2
    grid = (tmp_path / "textgrid" / "call.TextGrid").read_text()
    for tier in ("emotion 1", "confidence 1", "emotion 2", "confidence 2"):
        assert f'name = "{tier}"' in grid
    assert "size = 4 \n" in grid
    labels = (tmp_path / "audacity" / "call.txt").read_text().splitlines()
    assert {line.split("\t")[2][:3] for line in labels} == {"1: ", "2: "}
    times = [float(line.split("\t")[0]) for line in labels]
    assert times == sorted(times)


def test_processes_and_interruptions_make_no_difference(folder, tmp_path, command):
    files = sorted(folder.iterdir())
    predictor = load("emodb-small", segments=True, speech="energy", mix="split")
    whole = list(predictor.predict_all(files))
    assert list(predictor.predict_all(files, jobs=2)) == whole
    path = tmp_path / "journal"
    begun = Journal(path, predictor.options).completed(files, predictor.predict_all)
    for _ in range(3):
        next(begun)
    begun.close()
    again = Journal(path, predictor.options, resume=True)
    assert len(again) == 3
    assert list(again.completed(files, predictor.predict_all)) == whole
    with pytest.raises(SerError, match="differs in mix"):
        Journal(path, load("emodb-small", segments=True, speech="energy").options, resume=True)


def test_mixed_journals_are_what_they_were(tmp_path):
    """One without the choice continues, and one with it is not taken for another."""
    list(Journal(tmp_path / "j", PredictOptions("emodb-small")).completed([], lambda _: []))
    header = json.loads((tmp_path / "j").read_text().splitlines()[0])
    assert "mix" not in header


def test_the_command_refuses_what_does_not_go_together(folder, command):
    wrong = command("predict", folder, "--mix", "both")
    assert wrong.returncode == 2
    assert "--mix" in wrong.stderr
    stream = command("predict", "--stream", "--mix", "split")
    assert stream.returncode == 2
    missing = command("predict", folder / "call.wav", *SMALL, "--mix", "3", "--format", "csv")
    assert missing.returncode == 1
    assert ",3,rejected,no_channel: " in missing.stdout
