"""Models on other corpora: what both mean by an emotion, and who is the same person."""

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tiny

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.data.labels import EMOTIONS, SYNONYMS, common_name, parse_map, relabel, suggested_map
from ser_pcq.errors import DataError
from ser_pcq.evaluation.common_labels import common_labels

MODEL = ("anger", "boredom", "happiness", "neutral")


def data(*emotions: str) -> DataDir:
    utterances = [Utterance(f"u{i}", Path("a.wav"), "s", e) for i, e in enumerate(emotions)]
    return DataDir(Path("data"), tuple(utterances))


def test_all_emotions_of_the_model_stay_possible_unless_shared_ones_are_asked_for():
    common, _ = common_labels(MODEL, data("anger", "neutral"), {}, shared_only=False)
    assert common.labels == MODEL
    assert common.notes == ()
    shared, _ = common_labels(MODEL, data("anger", "neutral"), {}, shared_only=True)
    assert shared.labels == ("anger", "neutral")
    assert shared.unused == ("boredom", "happiness")
    assert shared.merge([0.1, 0.5, 0.1, 0.3]) == pytest.approx((0.25, 0.75))
    assert "never boredom, happiness" in " ".join(shared.notes)


def test_emotions_that_the_model_does_not_know_are_refused_or_left_out():
    given = data("anger", "calm", "calm", "neutral")
    with pytest.raises(DataError, match=r"calm \(2 utterances\).*--map.*--shared-classes"):
        common_labels(MODEL, given, {}, shared_only=False)
    shared, scored = common_labels(MODEL, given, {}, shared_only=True)
    assert [u.emotion for u in scored.utterances] == ["anger", "neutral"]
    assert shared.left_out == {"calm": 2}
    assert "calm 2" in " ".join(shared.notes)


def test_a_mapping_renames_both_sides_and_adds_probabilities_up():
    mapping = parse_map(["calm=neutral,boredom=neutral", "happy=happiness"])
    given = data("happy", "calm", "anger")
    common, scored = common_labels(MODEL, given, mapping, shared_only=False)
    assert [u.emotion for u in scored.utterances] == ["happiness", "neutral", "anger"]
    assert common.labels == ("anger", "happiness", "neutral")
    assert common.merge([0.1, 0.2, 0.3, 0.4]) == pytest.approx((0.1, 0.3, 0.6))
    assert common.left_out == {}
    # Scores on merged emotions are those of another task: they say so.
    assert "boredom to neutral" in " ".join(common.notes)


def test_what_cannot_be_brought_together_is_refused():
    with pytest.raises(DataError, match="share too few"):
        common_labels(MODEL, data("happy", "angry", "neutral"), {}, shared_only=True)
    with pytest.raises(DataError, match="neither the model nor the data"):
        common_labels(MODEL, data("anger"), {"angry": "anger"}, shared_only=False)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_merged_probabilities_are_probabilities(outputs):
    shared, _ = common_labels(MODEL, data("anger", "neutral"), {}, shared_only=True)
    merged = shared.merge(outputs)
    assert sum(merged) == pytest.approx(1)
    assert min(merged) >= 0
    if outputs[0] > outputs[3]:
        assert merged[0] >= merged[1]


def test_names_of_other_corpora_are_suggested():
    assert suggested_map(["sad", "Angry", "neutral", "anger"]) == "Angry=anger,sad=sadness"
    assert suggested_map(["Fear", "FEAR", "awe", "Awe"]) == "FEAR=fear,Fear=fear"
    assert suggested_map(EMOTIONS) == ""
    assert set(SYNONYMS.values()) <= set(EMOTIONS)
    assert [common_name(label) for label in EMOTIONS] == list(EMOTIONS)


def test_relabelling_refuses_what_is_not_there():
    utterances = data("angry", "calm").utterances
    assert [u.emotion for u in relabel(utterances, {"angry": "anger"})] == ["anger", "calm"]
    assert [u.emotion for u in relabel(utterances, {}, ["calm"])] == ["angry"]
    with pytest.raises(DataError, match="did you mean 'angry'"):
        relabel(utterances, {"angri": "anger"})
    with pytest.raises(DataError, match="no utterance is left"):
        relabel(utterances, {}, ["calm", "angry"])
    for wrong in ("a", "a=", "=b", "a=b=c"):
        with pytest.raises(DataError, match="cannot be read"):
            parse_map([wrong])
    with pytest.raises(DataError, match="mapped twice"):
        parse_map(["a=b", "a=c"])


@pytest.fixture(scope="module")
def model(tmp_path_factory, command):
    """A model of a corpus that is called `first`."""
    folder = tmp_path_factory.mktemp("model")
    known = tiny.make_data_dir(folder)
    datadir.write(folder / "data", known.utterances, corpus="first")
    (folder / "tiny.toml").write_text(tiny.TOML)
    options = ("--set", "protocol.name=all", "--cache-dir", folder / "cache")
    done = command("train", folder / "tiny.toml", folder / "data", folder / "exp", *options)
    assert done.returncode == 0, done.stderr
    about = json.loads((folder / "exp" / "all" / "checkpoint" / "checkpoint.json").read_text())
    assert about["data"]["corpus"] == "first"
    return folder


def evaluate(command, model, data_dir, *options):
    where = ("--cache-dir", model / "cache", "--output-dir", data_dir / "out", "--no-figures")
    return command("eval", model / "exp", data_dir, *where, *options)


def strangers(folder: Path, **changes: str) -> list[Utterance]:
    """Other recordings of speakers with the same names."""
    found = tiny.make_data_dir(folder, seed=5, per_class=1).utterances
    return [dataclasses.replace(u, **changes) for u in found]


def test_speakers_of_another_corpus_are_other_people(model, command, tmp_path):
    others = strangers(tmp_path)
    for corpus, refused in (("second", False), (None, True), ("first", True)):
        folder = tmp_path / f"d-{corpus}"
        datadir.write(folder, others, corpus=corpus)
        done = evaluate(command, model, folder)
        assert done.returncode == int(refused), done.stderr
        if refused:
            assert "shared-speaker" in done.stderr
            assert "file `corpus`" in done.stderr
        else:
            scores = json.loads((folder / "out" / "scores.json").read_text())
            assert {"speakers", "audio"} == scores["verified"].keys()
            assert scores["notes"] == ["trained on first, tested on second"]


def test_recordings_of_the_model_are_found_under_the_name_of_another_corpus(
    model, command, tmp_path
):
    known = datadir.read(model / "data").utterances
    copies = [dataclasses.replace(u, utterance_id=f"x{u.utterance_id}") for u in known]
    datadir.write(tmp_path / "d", copies, corpus="second")
    done = evaluate(command, model, tmp_path / "d")
    assert done.returncode == 1
    assert "copied-audio" in done.stderr


@pytest.mark.parametrize("corpus", [None, "first", "second"])
def test_unknown_speakers_may_be_those_of_the_model(model, command, tmp_path, corpus):
    datadir.write(tmp_path / "d", strangers(tmp_path, speaker=UNKNOWN_SPEAKER), corpus=corpus)
    done = evaluate(command, model, tmp_path / "d")
    if corpus != "second":
        assert done.returncode == 1
        assert "unknown-speaker" in done.stderr
        assert "file `corpus`" in done.stderr
        done = evaluate(command, model, tmp_path / "d", "--allow-leakage")
    assert done.returncode == 0, done.stderr
    assert ("LEAKY  unknown-speaker" in done.stdout) == (corpus != "second")
    assert "0 speakers" in done.stdout
    assert "speakers are not known" in done.stdout
    scores = json.loads((tmp_path / "d" / "out" / "scores.json").read_text())
    assert ("speakers" in scores["verified"]) == (corpus == "second")
    assert scores["speaker_interval_95"] is None


def test_a_model_of_unknown_speakers_may_know_anybody(command, tmp_path):
    known = tiny.make_data_dir(tmp_path).utterances
    nobody = [dataclasses.replace(u, speaker=UNKNOWN_SPEAKER, gender=None) for u in known]
    datadir.write(tmp_path / "nobody", nobody)
    (tmp_path / "tiny.toml").write_text(tiny.TOML)
    options = ("--set", "protocol.name=all", "--cache-dir", tmp_path / "cache")
    done = command("train", tmp_path / "tiny.toml", tmp_path / "nobody", tmp_path / "exp", *options)
    assert done.returncode == 0, done.stderr
    datadir.write(tmp_path / "d", strangers(tmp_path / "s"))
    done = evaluate(command, tmp_path, tmp_path / "d")
    assert done.returncode == 1
    assert "unknown-speaker" in done.stderr


def test_shared_classes_by_the_command(model, command, tmp_path):
    others = strangers(tmp_path)
    names = {"anger": "angry", "neutral": "neutral", "sadness": "calm"}
    renamed = [dataclasses.replace(u, emotion=names[u.emotion]) for u in others]
    datadir.write(tmp_path / "d", renamed, corpus="second")
    done = evaluate(command, model, tmp_path / "d")
    assert done.returncode == 1
    assert "--shared-classes" in done.stderr
    done = evaluate(command, model, tmp_path / "d", "--shared-classes", "--map", "angry=anger")
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "d" / "out" / "scores.json").read_text())
    assert scores["labels"] == ["anger", "neutral"]
    assert scores["n_utterances"] == 8
    assert any("calm 4" in note for note in scores["notes"])
    done = command("eval", model / "exp", "--shared-classes")
    assert done.returncode == 2
