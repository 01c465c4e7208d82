"""`ser-adapt --data`: a model adapted to labelled recordings."""

import csv
import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from support.commands import environment
from support.paths import ROOT
from support.voices import recordings, trained

from ser_pcq import load
from ser_pcq.data import directory
from ser_pcq.data.utterance import Utterance
from ser_pcq.models.adapted.info import read_adapted


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """It knows three emotions."""
    return trained(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def utterances(tmp_path_factory):
    """Of two speakers and three emotions, four of each."""
    paths = recordings(tmp_path_factory.mktemp("recordings"), per_class=4, speakers=2)
    return [Utterance(p.stem, p, *p.stem.split("_")[:2]) for p in paths]


def renamed(utterances, old, new):
    return [replace(u, emotion=new) if u.emotion == old else u for u in utterances]


def data_dir(folder, utterances):
    directory.write(folder, utterances)
    return folder


def answers(command, model, utterances):
    paths = [u.audio for u in utterances]
    done = command("predict", *paths, "--model", model, "--format", "csv")
    assert done.returncode == 0, done.stderr
    return [row["label"] for row in csv.DictReader(io.StringIO(done.stdout))]


def labels(utterances):
    return sorted({u.emotion for u in utterances})


def test_known_emotions_and_a_new_one(model, utterances, tmp_path, command):
    known = labels(utterances)
    lazy = renamed(utterances, known[0], "lazy")
    data = data_dir(tmp_path / "data", lazy[::2])
    done = command("adapt", model, "--data", data, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert f"adapted exp to {len(lazy[::2])} labelled recordings" in done.stderr
    assert "ser-adapt: lazy is new: exp did not know it" in done.stderr
    assert f"kept as they were: {known[0]}" in done.stderr
    info = read_adapted(tmp_path / "out")
    assert info.labels == (*load(model).labels, "lazy")
    (step,) = info.steps
    assert step.method == "labelled/1"
    assert step.emotions == {known[1]: 4, known[2]: 4, "lazy": 4}
    assert "4 lazy" in (tmp_path / "out" / "README.md").read_text()
    said = answers(command, tmp_path / "out", lazy)
    assert np.mean([one == u.emotion for one, u in zip(said, lazy, strict=True)]) > 0.7


def test_the_plain_installation_is_enough(tmp_path):
    """An embedded model, real speech, and no PyTorch: importing it fails."""
    (tmp_path / "wav").mkdir()
    names = ("fear.wav", "happiness.wav", "neutral.wav", "sadness.flac")
    halves = []
    for number, name in enumerate(names):
        samples, rate = soundfile.read(ROOT / "examples" / name)
        for k in range(2):
            half = tmp_path / "wav" / f"{number}_{k}.wav"
            soundfile.write(half, samples[k * len(samples) // 2 :][: len(samples) // 2], rate)
            emotion = "sarcastic" if number % 2 else "neutral"
            halves.append(Utterance(half.stem, half, "someone", emotion))
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'sklearn', 'pandas', 'scipy']));"
        "from ser_pcq.cli.adapt import main; sys.argv = ['ser-adapt', *sys.argv[1:]]; main()"
    )
    arguments = ["emodb-small", "--data", data_dir(tmp_path / "data", halves), tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert read_adapted(tmp_path / "out").steps[0].emotions == {"neutral": 4, "sarcastic": 4}
    assert not (tmp_path / "out" / "base").exists()


def test_steps_follow_one_another_in_any_order(model, utterances, tmp_path, command):
    known, voice = labels(utterances), [u for u in utterances if u.speaker == "f02"]
    voice = voice or [u for u in utterances if u.speaker == utterances[0].speaker]
    paths = [u.audio for u in voice]
    same = data_dir(tmp_path / "same", utterances)
    new = data_dir(tmp_path / "new", renamed(utterances, known[1], "lazy"))
    steps = [("--data", same), (*paths,), ("--data", new), (*paths,), ("--data", same)]
    before = model
    for k, step in enumerate(steps):
        done = command("adapt", before, *step, tmp_path / f"out{k}")
        assert done.returncode == 0, done.stderr
        before = tmp_path / f"out{k}"
    info = read_adapted(before)
    labelled, own_voice = "labelled/1", "own-voice/1"
    assert [s.method for s in info.steps] == [labelled, own_voice, labelled, own_voice, labelled]
    assert info.labels == (*load(model).labels, "lazy")
    card = (before / "README.md").read_text()
    assert "from labelled recordings, and from others without labels" in card
    said = answers(command, before, utterances)
    assert np.mean([one == u.emotion for one, u in zip(said, utterances, strict=True)]) > 0.7


def test_a_graph_gives_the_same(model, utterances, tmp_path, command):
    lazy = renamed(utterances, labels(utterances)[0], "lazy")
    done = command("adapt", model, "--data", data_dir(tmp_path / "data", lazy), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    done = command("export", tmp_path / "out", tmp_path / "out.onnx")
    assert done.returncode == 0, done.stderr
    assert answers(command, tmp_path / "out.onnx", lazy) == answers(command, tmp_path / "out", lazy)


def test_in_python(model, utterances, tmp_path, command):
    data = data_dir(tmp_path / "data", utterances)
    assert command("adapt", model, "--data", data, tmp_path / "out").returncode == 0
    paths = [u.audio for u in utterances]
    given = {"labels": [u.emotion for u in utterances], "speakers": [u.speaker for u in utterances]}
    one = load(model).adapted(paths, **given).predict(paths[0])
    two = load(tmp_path / "out").predict(paths[0])
    assert one.probabilities == pytest.approx(two.probabilities, abs=1e-5)
    assert one.model == "exp+labelled"


def test_the_split_test_is_left_out(model, utterances, tmp_path, command):
    parted = [replace(u, split="test" if k % 4 == 0 else "train") for k, u in enumerate(utterances)]
    data = data_dir(tmp_path / "data", parted)
    done = command("adapt", model, "--data", data, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"{len(parted) // 4} utterances of the split test are left out" in done.stderr
    assert read_adapted(tmp_path / "out").steps[0].recordings == len(parted) * 3 // 4


def test_what_cannot_be_judged_does_not_count(model, utterances, tmp_path, command):
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    silent = Utterance("zz_silent", tmp_path / "silent.wav", "zz", utterances[0].emotion)
    again = replace(utterances[0], utterance_id="zz_twice", emotion=utterances[-1].emotion)
    data = data_dir(tmp_path / "data", [*utterances, silent, again])
    done = command("adapt", model, "--data", data, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "(silent: " in done.stderr
    assert f"zz_twice in {utterances[0].audio} (repeated: the same as " in done.stderr
    both = f"{utterances[0].emotion}, then {utterances[-1].emotion}"
    assert f"two labels, the first counts: zz_twice in {utterances[0].audio} ({both})" in (
        done.stderr
    )
    assert read_adapted(tmp_path / "out").steps[0].recordings == len(utterances)


def one_lazy(utterances):
    return [*utterances, replace(utterances[0], utterance_id="zz_lazy", emotion="lazy")]


def silent_lazy(utterances):
    paths = [utterances[0].audio.parent / f"silent_{k}.wav" for k in range(2)]
    for path in paths:
        soundfile.write(path, np.zeros(16_000), 16_000)
    return [*utterances, *(Utterance(f"zz_{p.stem}", p, "zz", "lazy") for p in paths)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            one_lazy,
            "too few recordings of an emotion that the model does not know; given: 1 of laz",
        ),
        (silent_lazy, "given: 0 of lazy, without "),
        (lambda us: [u for u in us if u.emotion == us[0].emotion], "of one emotion alone"),
        (lambda us: [replace(u, split="test") for u in us], "no labelled recording counts"),
    ],
)
def test_too_few_are_refused(change, message, model, utterances, tmp_path, command):
    data = data_dir(tmp_path / "data", change(utterances))
    done = command("adapt", model, "--data", data, tmp_path / "out")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_a_misspelt_emotion_is_noticed(model, utterances, tmp_path, command):
    known = labels(utterances)[0]
    data = data_dir(tmp_path / "data", renamed(utterances, known, known[:-1]))
    done = command("adapt", model, "--data", data, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"did you mean '{known}'?" in done.stderr


def test_what_is_no_data_directory(model, utterances, tmp_path, command):
    data = data_dir(tmp_path / "data", utterances)
    (data / "utt2emo").unlink()
    (tmp_path / "empty").mkdir()
    for folder in (data, tmp_path / "empty", tmp_path / "nowhere"):
        done = command("adapt", model, "--data", folder, tmp_path / "out")
        assert done.returncode == 1
        wrong = "the data directory is not sound" if folder == data else "ser-data prepare folder"
        assert wrong in done.stderr
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments", [("emodb-small", "out"), ("emodb-small", "x", "out", "--data", "y")]
)
def test_wrong_usage(arguments, command):
    done = command("adapt", *arguments)
    assert done.returncode == 2
    assert "--data" in done.stderr
