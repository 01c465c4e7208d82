"""What several models have in common lies there once, and every model is still what it was."""

import json
import shutil

import numpy as np
import pytest
from support import tiny
from support.paths import ROOT

from ser_pcq.audio.fingerprint import load_prints
from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.models.checkpoint import load_checkpoint, save_checkpoint
from ser_pcq.models.classifier import load_classifier
from ser_pcq.models.folder import ABOUT, EMBEDDED, PRINTS, WEIGHTS, embedded_models
from ser_pcq.models.sharing.files import (
    COMMON,
    SHARED,
    prints_file,
    sha256,
    shared_files,
    weight_files,
    weights_sha256,
)
from ser_pcq.models.sharing.packages import write_package

SOUND = np.random.default_rng(0).standard_normal(20_000).astype(np.float32) / 10


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def models(tmp_path):
    """Two packages with the same frozen encoder, as training writes them."""
    recognizers = {}
    for seed, name in enumerate(("one", "two")):
        recognizers[name] = tiny.recognizer(seed, with_encoder=True)
        if seed:
            encoder = recognizers["one"].encoder.state_dict()
            recognizers[name].encoder.load_state_dict(encoder)
        save_checkpoint(tmp_path / "own" / name, recognizers[name], tiny.info(recognizers[name]))
    return tmp_path / "own"


def test_two_models_store_their_encoder_once_and_predict_as_before(models, tmp_path):
    common = tmp_path / "together" / COMMON
    for name in ("one", "two"):
        write_package(str(models / name), tmp_path / "together" / name, common=common)
        before = load_checkpoint(str(models / name)).outputs([SOUND])
        after = load_checkpoint(str(tmp_path / "together" / name)).outputs([SOUND])
        for value, expected in zip(after, before, strict=True):
            np.testing.assert_array_equal(value, expected)
    (encoder,) = common.iterdir()
    assert encoder.name == f"encoder-{sha256(encoder)[:12]}.safetensors"
    saved = size(models) - size(tmp_path / "together")
    # A second copy, less what each model needs to refer to it.
    assert encoder.stat().st_size - saved < 2000
    # As a whole it is what it was, to the byte.
    write_package(str(tmp_path / "together" / "two"), tmp_path / "whole")
    assert {p.name for p in (tmp_path / "whole").iterdir()} == {WEIGHTS, ABOUT}
    for file in (WEIGHTS, ABOUT):
        assert (tmp_path / "whole" / file).read_bytes() == (models / "two" / file).read_bytes()


def test_a_shared_file_that_is_missing_or_damaged_is_named(models, tmp_path):
    folder, common = tmp_path / "together" / "one", tmp_path / "together" / COMMON
    write_package(str(models / "one"), folder, common=common)
    (encoder,) = common.iterdir()
    # Alone it cannot be loaded; with the file in the folder it can.
    shutil.copytree(folder, tmp_path / "alone")
    with pytest.raises(CheckpointError, match=rf"is missing.*{encoder.name}"):
        load_checkpoint(str(tmp_path / "alone"))
    shutil.copy(encoder, tmp_path / "alone")
    load_checkpoint(str(tmp_path / "alone"))
    with encoder.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(CheckpointError, match=rf"damaged model.*{encoder.name}"):
        load_checkpoint(str(folder))
    for broken in ("no JSON", '["a"]', '{"model.safetensors": {"name": "../x", "sha256": ""}}'):
        (folder / SHARED).write_text(broken)
        with pytest.raises(CheckpointError, match="damaged model"):
            load_checkpoint(str(folder))


def test_a_trained_encoder_is_of_one_model_and_a_package_is_not_written_over_itself(
    models, tmp_path
):
    about = json.loads((models / "one" / ABOUT).read_text())
    about["config"]["context"]["fine_tune"] = True
    (models / "one" / ABOUT).write_text(json.dumps(about))
    write_package(str(models / "one"), tmp_path / "tuned", common=tmp_path / COMMON)
    assert not (tmp_path / "tuned" / SHARED).exists()
    assert not (tmp_path / COMMON).exists()
    with pytest.raises(SerError, match="another folder"):
        write_package(str(models / "one"), models / "one")
    with pytest.raises(SerError, match="another package"):
        write_package(str(ROOT / "tests/support/stored_983a9ba/models/pcq.onnx"), tmp_path / "x")


def test_the_embedded_models_share_what_they_have_in_common():
    referred = {
        one.path(EMBEDDED / name)
        for name in embedded_models()
        for one in shared_files(EMBEDDED / name).values()
    }
    assert referred == set((EMBEDDED / COMMON).iterdir())
    large, small = (EMBEDDED / name for name in ("emodb-large", "emodb-small"))
    assert prints_file(large) == prints_file(small)
    assert len(load_prints(prints_file(large))) == 535
    content = [sha256(path) for path in EMBEDDED.rglob("*.safetensors")]
    assert len(content) == len(set(content))


def test_another_model_over_the_large_encoder_takes_little(tmp_path):
    """As a later one will: other statistics and classes over the same encoder."""
    embedded = tmp_path / "embedded"
    shutil.copytree(EMBEDDED, embedded)
    before = size(embedded)
    write_package("emodb-large", tmp_path / "whole")
    tensors = [load_checkpoint(str(tmp_path / "whole")).recognizer.state_dict()]
    assert sum(t.numel() for t in tensors[0].values()) > 10e6
    write_package(str(tmp_path / "whole"), embedded / "general", common=embedded / COMMON)
    assert size(embedded) - before < 2.4e6
    assert size(tmp_path / "whole") > 22e6


def test_a_copied_model_predicts_and_is_written_whole_without_torch(tmp_path, command):
    # What it shares is found in the package.
    shutil.copytree(EMBEDDED / "emodb-small", tmp_path / "copy")
    expected = load_classifier("emodb-small").outputs([SOUND])
    result = command("export", tmp_path / "copy", tmp_path / "whole", "--folder")
    assert result.returncode == 0, result.stderr
    assert not (tmp_path / "whole" / SHARED).exists()
    assert prints_file(tmp_path / "whole") == tmp_path / "whole" / PRINTS
    assert weight_files(tmp_path / "whole") == [tmp_path / "whole" / WEIGHTS]
    about = json.loads((tmp_path / "whole" / "model.json").read_text())
    assert about["weights_sha256"] == weights_sha256(tmp_path / "whole")
    for folder in ("copy", "whole"):
        for got, value in zip(
            load_classifier(str(tmp_path / folder)).outputs([SOUND]), expected, strict=True
        ):
            np.testing.assert_array_equal(got, value)
    result = command("export", tmp_path / "copy", tmp_path / "x", "--folder", "--opset", 17)
    assert result.returncode == 1
    assert "no ONNX options" in result.stderr
