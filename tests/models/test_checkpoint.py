"""The checkpoint package: rebuilds itself, holds no pickle, and says what is wrong with it."""

import json

import pytest
import torch
from support import tiny

from ser_pcq.errors import CheckpointError
from ser_pcq.models.checkpoint import load_checkpoint, save_checkpoint
from ser_pcq.models.folder import (
    ABOUT,
    DEFAULT_MODEL,
    EMBEDDED,
    WEIGHTS,
    embedded_models,
    find_model,
)
from ser_pcq.models.sharing.files import shared_files


def fitted(**options):
    recognizer = tiny.recognizer(**options)
    recognizer.frontend.fit(torch.randn(4, 1, 24, 50) * 3 - 5)
    return recognizer


@pytest.mark.parametrize("with_encoder", [False, True])
def test_a_package_gives_the_same_scores_with_nothing_else_at_hand(with_encoder, tmp_path):
    recognizer = fitted(with_encoder=with_encoder)
    save_checkpoint(tmp_path / "model", recognizer, tiny.info(recognizer), card="# tiny\n")
    loaded = load_checkpoint(str(tmp_path / "model"))
    waveform = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    expected = recognizer.log_probabilities(waveform)
    # A frozen encoder is stored in half precision.
    tolerance = 1e-2 if with_encoder else 1e-6
    assert torch.allclose(loaded.recognizer.log_probabilities(waveform), expected, atol=tolerance)
    assert loaded.name == "tiny"
    assert loaded.recognizer.labels == tiny.LABELS
    assert {p.name for p in (tmp_path / "model").iterdir()} == {WEIGHTS, ABOUT, "README.md"}


def test_scores_do_not_depend_on_the_batch_that_segments_are_run_in():
    recognizer = fitted(with_encoder=True)
    waveform = torch.randn(5 * 16_000, generator=torch.Generator().manual_seed(0))
    together = recognizer.log_probabilities(waveform)
    one_by_one = recognizer.batch_log_probabilities([waveform], batch_size=1)[0]
    assert torch.allclose(together, one_by_one, atol=1e-5)


def test_the_configuration_of_a_package_names_no_folder_of_this_machine(tmp_path):
    (tmp_path / "some-encoder").mkdir()
    recognizer = fitted(context={"encoder": "none"})
    object.__setattr__(recognizer.config.context, "encoder", str(tmp_path / "some-encoder"))
    save_checkpoint(tmp_path / "model", recognizer, tiny.info(recognizer))
    text = (tmp_path / "model" / ABOUT).read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["config"]["context"]["encoder"] == "some-encoder"


def test_a_package_is_found_by_folder_fold_and_experiment(tmp_path):
    recognizer = fitted()
    save_checkpoint(tmp_path / "exp" / "fold_01" / "checkpoint", recognizer, tiny.info(recognizer))
    inner = tmp_path / "exp" / "fold_01" / "checkpoint"
    for path in (inner, inner.parent, tmp_path / "exp"):
        assert find_model(str(path)) == inner
    save_checkpoint(tmp_path / "exp" / "fold_02" / "checkpoint", recognizer, tiny.info(recognizer))
    with pytest.raises(CheckpointError, match="more than one model"):
        find_model(str(tmp_path / "exp"))
    with pytest.raises(CheckpointError, match=DEFAULT_MODEL):
        find_model(str(tmp_path / "nothing"))


def spoil_weights(folder):
    (folder / WEIGHTS).write_bytes(b"no tensors")


def spoil_json(folder):
    (folder / ABOUT).write_text("{")


def lose_weights(folder):
    (folder / WEIGHTS).unlink()


def change(folder, **values):
    about = json.loads((folder / ABOUT).read_text())
    (folder / ABOUT).write_text(json.dumps({**about, **values}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_weights, "damaged"),
        (spoil_json, "damaged"),
        (lose_weights, "damaged"),
        (lambda f: change(f, labels=["one", "two"]), "damaged"),
        (lambda f: change(f, format="somebody-else/9"), "foreign"),
        (lambda f: change(f, config={"trian": {}}), "does not fit this version"),
    ],
)
def test_damage_is_one_clear_error(spoil, message, tmp_path):
    recognizer = fitted()
    save_checkpoint(tmp_path / "model", recognizer, tiny.info(recognizer))
    spoil(tmp_path / "model")
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(str(tmp_path / "model"))


@pytest.mark.parametrize(
    ("name", "size", "parameters", "known"),
    [
        ("emodb-large", 25e6, 12e6, (7, 10)),
        ("emodb-small", 2e6, 500_000, (7, 10)),
        ("voices-large", 26e6, 12e6, (8, 43)),
        ("voices-small", 5e6, 500_000, (8, 43)),
    ],
)
def test_an_embedded_model_is_small_complete_and_described(name, size, parameters, known):
    assert name in embedded_models()
    folder = EMBEDDED / name
    shared = [one.path(folder) for one in shared_files(folder).values()]
    assert sum(p.stat().st_size for p in [*folder.iterdir(), *shared]) <= size
    loaded = load_checkpoint(name)
    counts = loaded.recognizer.parameter_counts()
    assert counts == loaded.info.parameters
    assert counts.total <= parameters
    assert (len(loaded.recognizer.labels), len(loaded.info.data.train_speakers)) == known
    card = (folder / "README.md").read_text()
    for word in (
        "EMO-DB",
        "Burkhardt",
        "CC BY 4.0",
        "Whisper",
        "MIT",
        "leave-one-corpus-out" if name.startswith("voices") else "leave-one-speaker-out",
        "UA",
    ):
        assert word in card
