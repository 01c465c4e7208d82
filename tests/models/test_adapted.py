"""Models adapted to a voice: another last layer over the embeddings of a base."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save_file
from support import tiny
from support.voices import recordings, trained

from ser_pcq import load
from ser_pcq.audio.fingerprint import load_prints
from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.models.adapted import package
from ser_pcq.models.adapted.base import base_of, check_head
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.adapted.info import read_adapted
from ser_pcq.models.adapted.package import as_adapted, write_adapted
from ser_pcq.models.checkpoint import save_checkpoint
from ser_pcq.models.classifier import load_classifier
from ser_pcq.models.folder import embedded_models, find_model
from ser_pcq.models.info import read_info
from ser_pcq.models.linear.classifier import ABSENT_LOGIT


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def voice(tmp_path_factory):
    return recordings(tmp_path_factory.mktemp("voice"))


@pytest.fixture(scope="module")
def adapted(model, voice):
    return load(model).adapted(voice).classifier


@pytest.fixture
def package_dir(adapted, tmp_path):
    write_adapted(adapted, tmp_path / "anna")
    return tmp_path / "anna"


def waveforms(voice):
    return [soundfile.read(path, dtype="float32")[0] for path in voice]


def head(**changes):
    rng = np.random.default_rng(1)
    weight = rng.standard_normal((4, 6)).astype(np.float32)
    bias = np.array([0.5, -1, ABSENT_LOGIT, 2.0])
    return replace(Head(weight, bias, 1.7, np.array([0, -1.0, 0, -0.5])), **changes)


def test_a_head_is_a_softmax_of_logits_with_temperature_and_prior():
    rows = np.random.default_rng(2).standard_normal((5, 6)).astype(np.float32)
    one = head()
    logits = (rows @ one.weight.T + one.bias) / 1.7 + one.log_prior
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(one.probabilities(rows), expected, atol=1e-6)
    np.testing.assert_array_equal(one.probabilities(rows[2:3])[0], one.probabilities(rows)[2])
    assert one.probabilities(rows[:0]).shape == (0, 4)


def test_an_absent_emotion_stays_absent_and_the_prior_stays():
    one, rows = head(), np.random.default_rng(2).standard_normal((5, 6))
    assert one.is_known.tolist() == [True, True, False, True]
    same = one.replaced(one.as_classifier())
    np.testing.assert_allclose(same.probabilities(rows), one.probabilities(rows), atol=1e-6)
    assert same.probabilities(rows)[:, 2].max() == 0


def test_a_head_is_stored_and_read_again():
    one, rows = head(), np.random.default_rng(2).standard_normal((5, 6))
    again = Head.of(one.tensors())
    np.testing.assert_allclose(again.probabilities(rows), one.probabilities(rows), atol=1e-6)
    with pytest.raises(ValueError, match="not fit"):
        Head.of({**one.tensors(), "bias": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="not numbers"):
        Head.of({**one.tensors(), "bias": np.full(4, np.nan, np.float32)})


@pytest.mark.parametrize("name", embedded_models())
def test_the_last_layer_of_embedded_models_gives_their_probabilities(name):
    classifier, base = load_classifier(name), base_of(name)
    check_head(classifier, base)
    assert base.is_embedded
    off = replace(base, head=replace(base.head, temperature=2 * base.head.temperature))
    with pytest.raises(SerError, match="cannot be adapted: its last layer gives other prob"):
        check_head(classifier, off)


def test_before_the_first_adaptation_it_answers_as_the_base(model, voice):
    classifier = load_classifier(str(model))
    same = as_adapted(classifier, str(model))
    sounds = waveforms(voice)
    np.testing.assert_allclose(
        same.probabilities(sounds), classifier.probabilities(sounds), atol=1e-5
    )


def test_a_package_predicts_as_what_was_written(adapted, package_dir, voice, model):
    sounds = waveforms(voice)
    again = load_classifier(str(package_dir))
    np.testing.assert_allclose(
        again.probabilities(sounds), adapted.probabilities(sounds), atol=1e-6
    )
    assert (again.name, again.labels) == ("exp+own-voice", adapted.labels)
    assert (
        np.abs(
            again.probabilities(sounds) - load_classifier(str(model)).probabilities(sounds)
        ).max()
        > 0.01
    )
    rows = [again.probabilities([sound])[0] for sound in sounds]
    np.testing.assert_array_equal(again.probabilities(sounds), rows)
    assert sorted(p.name for p in package_dir.iterdir()) == [
        "README.md",
        "adapted.json",
        "audio.safetensors",
        "base",
        "head.safetensors",
    ]
    assert "15 recordings" in (package_dir / "README.md").read_text()


def test_a_package_is_complete_in_itself(package_dir, tmp_path, voice):
    moved = tmp_path / "elsewhere" / "anna"
    moved.parent.mkdir()
    package_dir.rename(moved)
    assert find_model(str(moved.parent)) == moved  # and not its base
    assert load(moved).predict(voice[0]).status == "ok"
    assert read_adapted(moved).base.is_embedded is False


def test_it_keeps_fingerprints_without_names(package_dir, voice):
    prints = load_prints(package_dir / "audio.safetensors")
    assert [one.utterance_id for one in prints] == [str(k) for k in range(1, len(voice) + 1)]
    assert len({one.digest for one in prints}) == len(voice)
    assert "f01" not in (package_dir / "adapted.json").read_text()


def test_another_adaptation_starts_from_the_head(package_dir, tmp_path, voice):
    others = recordings(tmp_path / "more", per_class=6)
    twice = load(package_dir).adapted(others).classifier
    assert [step.recordings for step in twice.info.steps] == [15, 18]
    # The names of takes say what is drawn: 15 of them are the same recordings.
    assert len(twice.prints) == 18
    once = load(package_dir).classifier
    assert np.abs(once.head.weight - twice.head.weight).max() > 1e-3
    write_adapted(twice, tmp_path / "twice")
    again = load(tmp_path / "twice").classifier
    assert again.info == twice.info
    assert again.base.sha256 == once.base.sha256


def test_a_base_that_has_changed_is_refused(package_dir):
    weights = package_dir / "base" / "model.safetensors"
    tensors = load_file(weights)
    tensors["classify.bias"] += 1
    save_file(tensors, weights)
    with pytest.raises(CheckpointError, match="changed since"):
        load_classifier(str(package_dir))


def test_an_embedded_base_that_is_not_there_is_refused(package_dir):
    about = package_dir / "adapted.json"
    plain = json.loads(about.read_text())
    plain["base"] |= {"is_embedded": True, "name": "gone"}
    about.write_text(json.dumps(plain))
    with pytest.raises(CheckpointError, match=r"not there.*emodb-large"):
        load_classifier(str(package_dir))


@pytest.mark.parametrize("name", ["head.safetensors", "adapted.json", "audio.safetensors"])
@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_damaged_package_is_refused(package_dir, name, how):
    if how == "missing" and name != "adapted.json":
        (package_dir / name).unlink()
    else:
        (package_dir / name).write_bytes(b"{}")
    with pytest.raises(CheckpointError):
        load_classifier(str(package_dir))


@pytest.mark.parametrize(
    ("section", "changes", "message"),
    [
        ("base", {"is_embedded": "no"}, "is_embedded is neither true nor false"),
        ("step", {"spread": "much"}, "could not convert"),
        ("step", {"seconds": float("nan")}, "not finite"),
        ("step", {"recordings": None}, "int"),
        ("step", {"emotions": 3}, "no attribute 'items'"),
        ("all", {"labels": ["anger"] * 3}, "a label stands there twice"),
        ("all", {"steps": 1}, "not iterable"),
    ],
)
def test_what_a_package_says_is_checked(package_dir, section, changes, message):
    about = package_dir / "adapted.json"
    plain = json.loads(about.read_text())
    {"base": plain["base"], "step": plain["steps"][0], "all": plain}[section].update(changes)
    about.write_text(json.dumps(plain))
    with pytest.raises(CheckpointError, match=f"damaged adapted model; given: .*{message}"):
        load_classifier(str(package_dir))


def test_a_package_without_its_base_and_one_of_another_version_are_explained(package_dir):
    shutil.rmtree(package_dir / "base")
    with pytest.raises(CheckpointError, match=r"damaged adapted model.*no base/checkpoint\.json"):
        load_classifier(str(package_dir))
    about = package_dir / "adapted.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), "format": "ser-pcq-adapted/9"}))
    with pytest.raises(CheckpointError, match=r"foreign format.*adapted/9, of .*anna.*adapted/1"):
        load_classifier(str(package_dir))


def test_nothing_is_left_of_a_package_that_could_not_be_written(adapted, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError("the disk is full")

    monkeypatch.setattr(package, "save_prints", fail)
    with pytest.raises(OSError, match="full"):
        write_adapted(adapted, tmp_path / "anna")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    (tmp_path / "anna").mkdir()
    with pytest.raises(SerError, match="exists already"):
        write_adapted(adapted, tmp_path / "anna")


def test_networks_and_graphs_alone_cannot_be_adapted(tmp_path, voice):
    network = tiny.recognizer()
    save_checkpoint(tmp_path / "network", network, tiny.info(network))
    with pytest.raises(
        SerError, match=r"cannot be adapted: it is a network.*accepted: the embedded"
    ):
        load(tmp_path / "network").adapted(voice)
    (tmp_path / "model.onnx").touch()
    with pytest.raises(SerError, match="cannot be adapted: it is an ONNX file"):
        base_of(str(tmp_path / "model.onnx"))


def test_opensmile_cannot_be_adapted(model, tmp_path, voice):
    shutil.copytree(model, tmp_path / "smile")
    info = read_info(model)
    config = replace(info.config, model=replace(info.config.model, name="egemaps-svm"))
    (tmp_path / "smile" / "checkpoint.json").write_text(
        json.dumps(replace(info, config=config, encoder=None).to_json())
    )
    with pytest.raises(SerError, match="openSMILE"):
        base_of(str(tmp_path / "smile"))


def test_what_needs_a_trained_model_refuses_an_adapted_one(package_dir):
    with pytest.raises(CheckpointError, match="that was adapted"):
        read_info(package_dir)


def test_it_works_over_the_graph_as_over_torch_and_can_be_exported(
    model, package_dir, tmp_path, voice, command
):
    onnx = tmp_path / "anna.onnx"
    done = command("export", package_dir, onnx)
    assert done.returncode == 0, done.stderr
    sounds, torch = waveforms(voice)[:4], load_classifier(str(package_dir))
    expected = torch.probabilities(sounds)
    exported = load_classifier(str(onnx))
    assert (exported.name, exported.labels) == (torch.name, torch.labels)
    np.testing.assert_allclose(exported.probabilities(sounds), expected, atol=1e-4)
    done = command("export", model, model / "model.onnx", "--share-weights")
    assert done.returncode == 0, done.stderr
    over_graph = load(model).adapted(voice).classifier
    (model / "model.onnx").unlink()
    assert type(over_graph.running).__name__ == "OnnxClassifier"
    np.testing.assert_allclose(over_graph.probabilities(sounds), expected, atol=1e-3)
    for options in (["--share-weights"], ["--folder"]):
        out = tmp_path / ("out.onnx" if "folder" not in options[0] else "out")
        done = command("export", package_dir, out, *options)
        assert done.returncode == 1
        assert "adapted" in done.stderr
        assert not out.exists()
