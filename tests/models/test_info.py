"""What a package says of its model: read as it was written, by this version or an older one."""

import dataclasses
import json

import pytest
from support import tiny

from ser_pcq.errors import CheckpointError
from ser_pcq.models.data_info import DataInfo
from ser_pcq.models.description.graph import GraphInfo
from ser_pcq.models.folder import ABOUT, EMBEDDED, embedded_models
from ser_pcq.models.info import (
    CalibrationInfo,
    LinearTrainingInfo,
    ModelInfo,
    NetworkTrainingInfo,
    read_info,
)

DATA = DataInfo("mine", "emodb", 3, ("a", "b"), ("c",), ("d",))


def plain(**changes):
    """The content of a small `checkpoint.json`, as it is after reading."""
    info = tiny.info(tiny.recognizer(with_encoder=True), data=DATA, leaky=("it leaks",))
    return {**json.loads(json.dumps(info.to_json())), **changes}


def read(folder, content) -> ModelInfo:
    folder.mkdir(exist_ok=True)
    (folder / ABOUT).write_text(json.dumps(content))
    return read_info(folder)


@pytest.mark.parametrize("name", embedded_models())
def test_what_was_read_is_written_again(name):
    written = json.loads((EMBEDDED / name / ABOUT).read_text())
    again = json.loads(json.dumps(read_info(EMBEDDED / name).to_json()))
    assert list(again) == list(written)
    for key in written:
        if key != "config":
            assert again[key] == written[key]
    # Sections and keys that came later have their defaults.
    for section, values in written["config"].items():
        assert values.items() <= again["config"][section].items()


def test_every_key_is_read_and_written_in_its_order(tmp_path):
    content = plain(
        n_features=7,
        training={
            "seed": 1,
            "features": ["layer 1"],
            "setting": "cost",
            "values": [0.1],
            "device": "cpu",
        },
        calibration={"temperature": 0.5, "utterances": 9},
    )
    info = read(tmp_path, content)
    assert info.n_features == 7
    assert info.training == LinearTrainingInfo(1, ("layer 1",), "cost", (0.1,), "cpu")
    assert info.calibration == CalibrationInfo(0.5, 9)
    assert info.leaky == ("it leaks",)
    assert info.data == DATA
    assert info.data.known_speakers == {"a", "b", "c"}
    assert info.encoder.layers == (1, 2)
    again = info.to_json()
    assert json.loads(json.dumps(again)) == content
    assert read(tmp_path, again) == info


def test_the_first_packages_are_read(tmp_path):
    """From before temperatures were fitted, leaks were recorded and corpora had names."""
    content = plain()
    for key in ("calibration", "leaky", "protocol_name"):
        del content[key]
    del content["data"]["corpus"]
    info = read(tmp_path, content)
    assert info.calibration == CalibrationInfo(temperature=1.0, utterances=0)
    assert info.leaky == ()
    assert info.protocol_name == info.config.protocol.name
    assert info.data == dataclasses.replace(DATA, corpus=None)
    assert isinstance(info.training, NetworkTrainingInfo)


def test_a_package_without_a_name_has_that_of_its_folder(tmp_path):
    content = plain()
    del content["name"]
    assert read(tmp_path / "mine", content).name == "mine"


@pytest.mark.parametrize("side", ["train_speakers", "valid_speakers", "test_speakers"])
@pytest.mark.parametrize("value", [None, "anna", [3]])
def test_speakers_that_scoring_relies_on_have_to_be_there(tmp_path, side, value):
    content = plain()
    content["data"][side] = value
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        read(tmp_path, content)
    del content["data"][side]
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        read(tmp_path, content)


@pytest.mark.parametrize("key", ["labels", "config", "encoder", "data", "training"])
def test_a_package_without_what_it_is_made_of_is_damaged(tmp_path, key):
    content = plain()
    del content[key]
    with pytest.raises(CheckpointError, match="damaged checkpoint"):
        read(tmp_path, content)
    with pytest.raises(CheckpointError, match="foreign checkpoint format"):
        read(tmp_path, [content])


def test_the_metadata_of_files_is_read_and_written():
    known = GraphInfo("mine", ("x", "y"), 16_000, "int8", DATA, "all", ("it leaks",))
    assert GraphInfo.from_json(json.loads(json.dumps(known.to_json()))) == known
    least = {"name": "mine", "labels": ["x", "y"], "sample_rate": 16_000, "data": {}}
    assert GraphInfo.from_json(least) == GraphInfo(
        "mine", ("x", "y"), 16_000, "float32", None, None, ()
    )
