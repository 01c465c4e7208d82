"""The leakage guard through the installed commands, on corpora built to leak."""

import dataclasses
import json
import shutil

import pytest
import soundfile
from support import tiny

from ser_pcq.config import ProtocolConfig
from ser_pcq.data import directory as datadir
from ser_pcq.files import write_json
from ser_pcq.protocols.rules import Fold
from ser_pcq.protocols.split_file import make_split, read_split, write_split_file

CONFIG = tiny.TOML.replace("epochs = 2", "epochs = 1")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.make_data_dir(tmp_path_factory.mktemp("tiny"), speakers=4, per_class=3)


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def clean(data, config, tmp_path_factory, command):
    """An experiment without a leak, trained and scored."""
    exp = tmp_path_factory.mktemp("exp") / "clean"
    cache = exp.parent / "cache"
    done = command("train", config, data.path, exp, "--cache-dir", cache)
    assert done.returncode == 0, done.stderr
    assert "leaky" not in done.stderr
    return exp


def add(data, folder, *, speaker, audio, name, original=None):
    """Write the corpus again with one more utterance."""
    first = data.utterances[0]
    more = dataclasses.replace(first, utterance_id=name, speaker=speaker, audio=audio)
    utterances = [*data.utterances, more]
    if original:
        utterances = [dataclasses.replace(u, original=u.utterance_id) for u in data.utterances]
        utterances.append(dataclasses.replace(more, original=original))
    datadir.write(folder, utterances)
    return folder


def train(command, config, data_dir, exp, *options):
    return command("train", config, data_dir, exp, "--cache-dir", exp.parent / "cache", *options)


def assert_refused(done, *words):
    assert done.returncode == 1
    assert done.stdout == ""
    line = done.stderr.splitlines()[-1]
    for word in (*words, "--allow-leakage"):
        assert word in line


def test_a_clean_run_says_what_was_verified(clean, command):
    done = command("eval", clean, "--no-figures")
    assert done.returncode == 0, done.stderr
    assert "checked for leaks: speakers, audio, copies, fitting, statistics" in done.stdout
    scores = json.loads((clean / "scores.json").read_text())
    assert "leaky" not in scores
    assert set(scores["verified"]) == {"speakers", "audio", "copies", "fitting", "statistics"}
    assert scores["split_sha256"] == json.loads((clean / "split.json").read_text())["sha256"]


def test_a_copied_report_is_as_well_proved_as_the_experiment(clean, command, tmp_path):
    assert command("eval", clean, "--output-dir", tmp_path / "kept", "--no-figures").returncode == 0
    before = (tmp_path / "kept" / "scores.json").read_bytes()
    done = command("eval", tmp_path / "kept", "--no-figures")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kept" / "scores.json").read_bytes() == before


def test_the_same_audio_in_another_format_and_cut_is_found(data, config, command, tmp_path):
    source = data.utterances[0]
    samples, rate = soundfile.read(source.audio)
    soundfile.write(tmp_path / "copy.ogg", 0.5 * samples[rate // 5 :], rate)
    other = next(s for s in data.speakers if s != source.speaker)
    name = f"{other}_new"
    leaky = add(data, tmp_path / "d", speaker=other, audio=tmp_path / "copy.ogg", name=name)
    done = train(command, config, leaky, tmp_path / "exp")
    assert_refused(done, "copied-audio", source.utterance_id, name)
    assert not (tmp_path / "exp" / "fold_01").exists()


def test_a_copy_named_by_the_data_directory_is_found(data, config, command, tmp_path, tone):
    audio = tone(tmp_path / "other.wav", seconds=1.5)
    source = data.utterances[0].utterance_id
    leaky = add(
        data, tmp_path / "d", speaker="sp0.9-x", audio=audio, name="sp0.9-x_1", original=source
    )
    assert_refused(train(command, config, leaky, tmp_path / "exp"), "augmented-copy", source)


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        ("leave-one-speaker-out", "speaker"),
        ("leave-one-session-out", "session"),
        ("fixed", "speaker"),
        ("leave-one-sentence-out", "sentence"),
    ],
)
def test_lists_that_mix_a_group_are_refused(data, config, command, tmp_path, protocol, kind):
    utterances = [
        dataclasses.replace(u, sentence=f"t{i % 3}", session=f"s{int(u.speaker[1:]) // 2}")
        for i, u in enumerate(data.utterances)
    ]
    datadir.write(tmp_path / "d", utterances)
    # Every second utterance is tested: both halves hold every group of every kind.
    ids = [u.utterance_id for u in utterances]
    fold = Fold(1, "half", tuple(ids[::2]), (), tuple(ids[1::2]))
    lists = make_split([fold], ProtocolConfig(name=protocol, split="x"), None)
    write_split_file(tmp_path / "lists.json", lists)
    options = ("--set", f"protocol.name={protocol}", "--set", "train.select=last")
    where = ("--set", f"protocol.split={tmp_path / 'lists.json'}")
    done = train(command, config, tmp_path / "d", tmp_path / "exp", *options, *where)
    assert_refused(done, f"shared-{kind}", getattr(utterances[0], kind))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ("protocol.name=random", "shared-speaker"),
        ("protocol.valid_from=test", "chosen-on-test"),
    ],
)
def test_leaky_protocols_need_to_be_asked_for(data, config, command, tmp_path, change, word):
    exp, options = tmp_path / "exp", ("--set", change, "--set", "protocol.folds=3")
    assert_refused(train(command, config, data.path, exp, *options), word)
    done = train(command, config, data.path, exp, *options, "--allow-leakage")
    assert done.returncode == 0, done.stderr
    assert f"leaky: {word}" in done.stderr
    assert_refused(command("eval", exp), word)
    assert not (exp / "scores.json").exists()
    done = command("eval", exp, "--allow-leakage", "--no-figures")
    assert done.returncode == 0, done.stderr
    assert f"LEAKY  {word}" in done.stdout
    scores = json.loads((exp / "scores.json").read_text())
    assert any(line.startswith(word) for line in scores["leaky"])
    card = (exp / "fold_01" / "checkpoint" / "README.md").read_text()
    assert f"**Leaky**: {word}" in card
    about = json.loads((exp / "fold_01" / "checkpoint" / "checkpoint.json").read_text())
    assert about["leaky"]
    # Scored on strangers, which leaks nothing new, the model still says it.
    tiny.make_data_dir(tmp_path / "other", speakers=2, per_class=2, seed=77)
    known = datadir.read(tmp_path / "other" / "data")
    strangers = [dataclasses.replace(u, speaker=f"y{u.speaker}") for u in known.utterances]
    datadir.write(tmp_path / "strangers", strangers)
    where = ("--cache-dir", tmp_path / "cache", "--output-dir", tmp_path / "out", "--no-figures")
    done = command("eval", exp, tmp_path / "strangers", *where)
    assert done.returncode == 0, done.stderr
    assert f"LEAKY  training of the model: {word}" in done.stdout
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert set(about["leaky"]) <= set(scores["model_leaky"])


def test_what_was_fitted_is_judged_again_when_it_is_scored(clean, command, tmp_path):
    exp = tmp_path / "exp"
    shutil.copytree(clean, exp)
    path = exp / "fold_02" / "provenance.json"
    facts = json.loads(path.read_text())
    facts["seen"]["normalisation"]["sides"].append("test")
    write_json(path, facts)
    (exp / "scores.json").unlink(missing_ok=True)
    assert_refused(command("eval", exp), "fitted-on-test", "fold 2")
    assert not (exp / "scores.json").exists()


def test_a_changed_split_is_refused_when_it_is_scored(clean, command, tmp_path):
    exp = tmp_path / "exp"
    shutil.copytree(clean, exp)
    text = (exp / "split.json").read_text()
    assert text.count('"valid"') == 4
    (exp / "split.json").write_text(text.replace('"valid": [', '"valid": ["x", ', 1))
    done = command("eval", exp)
    assert done.returncode == 1
    assert "changed after they were written" in done.stderr
    assert done.stdout == ""


def test_a_fold_of_another_split_proves_nothing(clean, command, tmp_path):
    """Sides are stored by name: beside another split they would mean other utterances."""
    exp = tmp_path / "exp"
    shutil.copytree(clean, exp)
    content = json.loads((exp / "split.json").read_text())
    content["folds"][0]["valid"], content["folds"][0]["train"] = (
        content["folds"][0]["train"],
        content["folds"][0]["valid"],
    )
    folds = [
        Fold(f["fold"], f["held_out"], f["train"], f["valid"], f["test"]) for f in content["folds"]
    ]
    other = make_split(folds, ProtocolConfig(), read_split(exp / "split.json").groups)
    write_split_file(exp / "split.json", other)
    done = command("eval", exp)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "does not fit" in done.stderr


def test_a_report_keeps_no_facts_of_another_experiment(clean, command, tmp_path):
    bare = tmp_path / "bare"
    for fold in ("fold_01", "fold_02", "fold_03", "fold_04"):
        (bare / fold).mkdir(parents=True)
        shutil.copy(clean / fold / "predictions.csv", bare / fold)
    for source, checked in ((clean, "speakers"), (bare, "nothing: there is no record")):
        done = command("eval", source, "--output-dir", tmp_path / "report", "--no-figures")
        assert f"checked for leaks: {checked}" in done.stdout, done.stderr
        again = command("eval", tmp_path / "report", "--no-figures")
        assert f"checked for leaks: {checked}" in again.stdout, again.stderr


def test_models_know_their_recordings_under_other_names(data, clean, command, tmp_path):
    strangers = [
        dataclasses.replace(u, utterance_id=f"x{u.utterance_id}", speaker=f"x{u.speaker}")
        for u in data.utterances
    ]
    datadir.write(tmp_path / "d", strangers)
    options = ("--cache-dir", tmp_path / "cache", "--output-dir", tmp_path / "out", "--no-figures")
    # Fold 1 has not heard the speaker it held out: his copies are no leak there, all others are.
    done = command("eval", clean, tmp_path / "d", *options)
    known = next(u for u in data.utterances if u.speaker != data.speakers[0])
    assert_refused(done, "copied-audio", f"x{known.utterance_id} = {known.utterance_id}")
    assert not (tmp_path / "out").exists()
    done = command("eval", clean, tmp_path / "d", *options, "--allow-leakage")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "scores.json").read_text())["leaky"]


def test_strangers_are_scored_and_proved(clean, command, tmp_path):
    tiny.make_data_dir(tmp_path, speakers=2, per_class=2, seed=77)
    known = datadir.read(tmp_path / "data")
    strangers = [dataclasses.replace(u, speaker=f"y{u.speaker}") for u in known.utterances]
    datadir.write(tmp_path / "d", strangers)
    options = ("--cache-dir", tmp_path / "cache", "--output-dir", tmp_path / "out", "--no-figures")
    done = command("eval", clean, tmp_path / "d", *options)
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert set(scores["verified"]) == {"speakers", "audio"}


def test_lists_are_written_and_give_the_same_experiment(data, clean, config, command, tmp_path):
    done = command("data", "split", data.path, tmp_path / "lists.json", "--by", "speaker")
    assert done.returncode == 0, done.stderr
    done = train(
        command,
        config,
        data.path,
        tmp_path / "exp",
        "--set",
        f"protocol.split={tmp_path / 'lists.json'}",
        "--fold",
        "2",
    )
    assert done.returncode == 0, done.stderr
    same = [exp / "fold_02" / "predictions.csv" for exp in (clean, tmp_path / "exp")]
    assert same[0].read_bytes() == same[1].read_bytes()
    # No path of the machine is kept.
    assert str(tmp_path) not in (tmp_path / "exp" / "config.json").read_text()


@pytest.mark.parametrize("mates", ["out", "in"])
def test_a_score_tells_whether_session_mates_were_learnt_from(
    data, config, tmp_path, command, mates
):
    place = {name: f"session{n // 2}" for n, name in enumerate(data.speakers)}
    met = [dataclasses.replace(u, session=place[u.speaker]) for u in data.utterances]
    datadir.write(tmp_path / "data", met)
    exp = tmp_path / "exp"
    done = train(
        command, config, tmp_path / "data", exp, "--set", f"protocol.session_mates={mates}"
    )
    assert done.returncode == 0, done.stderr
    done = command("eval", exp, "--no-figures")
    assert done.returncode == 0, done.stderr
    scores = json.loads((exp / "scores.json").read_text())
    assert ("sessions" in scores["verified"]) == (mates == "out")
    assert ("session-mates in training" in scores["protocol"]) == (mates == "in")
