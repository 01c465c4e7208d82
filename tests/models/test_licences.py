"""The licence of a model goes with it, and the package names those of all that it holds."""

import json
import tomllib

import onnx
import pytest
from support import tiny
from support.licences import SHARING, copied_models, faults, made_up_model
from support.paths import ROOT

from ser_pcq import export_onnx, load
from ser_pcq.errors import SerError
from ser_pcq.models.checkpoint import load_checkpoint, save_checkpoint
from ser_pcq.models.classifier_onnx import load_onnx
from ser_pcq.models.description.catalogue import catalogue
from ser_pcq.models.description.licence import checked_licence, is_noncommercial, licence_ids
from ser_pcq.models.folder import (
    ABOUT,
    CARD,
    EMBEDDED,
    GRAPH,
    LARGE_MODEL,
    LICENCE,
    WEIGHTS,
    embedded_models,
)
from ser_pcq.models.sharing.files import COMMON, shared_files, weight_files
from ser_pcq.models.sharing.packages import write_package

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_package_names_the_licences_of_its_models():
    assert faults(EMBEDDED, PROJECT["license"]) == []
    # It names no licence that nothing in it has.
    held = {"MIT", *(one for name in embedded_models() for one in licence_ids(licence_of(name)))}
    assert {*licence_ids(PROJECT["license"])} == held
    # A pattern without a file is an error of the build.
    for pattern in PROJECT["license-files"]:
        assert list(ROOT.glob(pattern)), pattern


def licence_of(name):
    return json.loads((EMBEDDED / name / ABOUT).read_text())["licence"]


def test_what_a_model_of_another_licence_lacks_is_noticed(tmp_path):
    embedded = copied_models(tmp_path / "embedded")
    before, other = PROJECT["license"], "CC-BY-NC-ND-3.0"
    folder = made_up_model(embedded / "mine", other)
    lacks = ["mine: no text of its licence", f"mine: the package does not name {other}"]
    assert faults(embedded, before) == lacks
    (folder / LICENCE).write_text("terms")
    assert faults(embedded, f"{before} AND {other}") == []
    (folder / CARD).unlink()
    assert faults(embedded, f"{before} AND {other}") == ["mine: no card"]
    plain = json.loads((folder / ABOUT).read_text())
    del plain["licence"]
    (folder / ABOUT).write_text(json.dumps(plain))
    assert "mine: no licence" in faults(embedded, before)


def test_the_model_that_the_notice_names_is_free():
    assert not is_noncommercial(licence_of(LARGE_MODEL))


def test_the_notice_of_whisper_lies_beside_its_weights():
    """As its licence asks, with every copy."""
    abouts = {name: json.loads((EMBEDDED / name / ABOUT).read_text()) for name in embedded_models()}
    holding = [name for name, about in abouts.items() if about["encoder"]["family"] == "whisper"]
    assert LARGE_MODEL in holding
    for name in holding:
        text = (EMBEDDED / name / LICENCE).read_text()
        assert "Copyright (c) 2022 OpenAI" in text
        assert "THE SOFTWARE IS PROVIDED" in text


@pytest.mark.parametrize(
    ("licence", "ids", "noncommercial"),
    [
        ("MIT", ("MIT",), False),
        ("CC-BY-NC-SA-4.0", ("CC-BY-NC-SA-4.0",), True),
        ("CC-BY-NC-4.0", ("CC-BY-NC-4.0",), True),
        ("PolyForm-Noncommercial-1.0.0", ("PolyForm-Noncommercial-1.0.0",), True),
        ("CC-BY-SA-4.0", ("CC-BY-SA-4.0",), False),
        ("NCSA", ("NCSA",), False),
        ("MIT AND (CC0-1.0 OR CC-BY-NC-4.0)", ("MIT", "CC0-1.0", "CC-BY-NC-4.0"), True),
        ("GPL-2.0-or-later WITH X-exception", ("GPL-2.0-or-later", "X-exception"), False),
    ],
)
def test_a_licence_is_read_by_its_identifiers(licence, ids, noncommercial):
    assert checked_licence(licence) == licence
    assert licence_ids(licence) == ids
    assert is_noncommercial(licence) is noncommercial


@pytest.mark.parametrize("wrong", ["", " MIT", "CC BY-NC 4.0", "MIT AND", "free for all", "MIT\n"])
def test_what_is_no_licence_is_refused(wrong, tmp_path):
    with pytest.raises(SerError, match="this is no licence"):
        checked_licence(wrong)
    with pytest.raises(SerError, match="this is no licence"):
        export_onnx("emodb-small", tmp_path / "x.onnx", licence=wrong)


@pytest.mark.parametrize("name", embedded_models())
def test_an_embedded_model_has_its_licence_in_every_form(name, tmp_path):
    licence = licence_of(name)
    assert load(name).licence == licence
    assert load_checkpoint(name).licence == licence
    assert load(str(EMBEDDED / name / GRAPH)).licence == licence
    write_package(name, tmp_path / "copy")
    assert load(tmp_path / "copy").licence == licence
    has_text = (EMBEDDED / name / LICENCE).is_file()
    assert (tmp_path / "copy" / LICENCE).is_file() == has_text


def test_a_licence_is_stated_by_export_and_goes_on_from_there(tmp_path, command):
    stated = command("export", "emodb-small", tmp_path / "a", "--folder", "--license", SHARING)
    assert stated.returncode == 0, stated.stderr
    content = json.loads((tmp_path / "a" / ABOUT).read_text())
    assert content["licence"] == SHARING
    assert load(tmp_path / "a").licence == SHARING
    # From a package into a file, and into another package.
    assert command("export", tmp_path / "a", tmp_path / "b.onnx").returncode == 0
    assert load(tmp_path / "b.onnx").licence == SHARING
    assert load_onnx(tmp_path / "b.onnx").info.licence == SHARING
    write_package(str(tmp_path / "a"), tmp_path / "c")
    assert load(tmp_path / "c").licence == SHARING
    # Of a file alone.
    options = ("--license", "CC-BY-NC-4.0")
    assert command("export", "emodb-small", tmp_path / "d.onnx", *options).returncode == 0
    assert load(tmp_path / "d.onnx").licence == "CC-BY-NC-4.0"
    metadata = onnx.load(tmp_path / "d.onnx").metadata_props
    assert [one.key for one in metadata] == ["ser-pcq", "card"]
    wrong = command("export", "emodb-small", tmp_path / "e.onnx", "--license", "CC BY 4.0")
    assert wrong.returncode == 2
    assert "SPDX" in wrong.stderr


def test_training_states_none(tmp_path):
    recognizer = tiny.recognizer()
    save_checkpoint(tmp_path / "own", recognizer, tiny.info(recognizer))
    assert "licence" not in json.loads((tmp_path / "own" / ABOUT).read_text())
    assert load(tmp_path / "own").licence is None


def test_the_catalogue_says_what_packages_say():
    entries = {one.name: one for one in catalogue()}
    assert list(entries) == embedded_models()
    for name, entry in entries.items():
        checkpoint = load_checkpoint(name)
        assert entry.labels == checkpoint.labels
        assert entry.licence == checkpoint.licence
        assert entry.parameters == checkpoint.info.parameters.total
        assert entry.size == sum(file.stat().st_size for file in weight_files(EMBEDDED / name))
    assert entries[LARGE_MODEL].corpora == ("emodb",)


def test_the_catalogue_lists_the_corpora_and_the_licence_of_another_model(tmp_path, monkeypatch):
    embedded = copied_models(tmp_path / "embedded")
    write_package("emodb-large", embedded / "mine", common=embedded / COMMON, licence=SHARING)
    content = json.loads((embedded / "mine" / ABOUT).read_text())
    content["data"]["corpora"] = {"emodb": ["03"], "nemo": ["a"]}
    (embedded / "mine" / ABOUT).write_text(json.dumps(content))
    for module in ("folder", "description.catalogue"):
        monkeypatch.setattr(f"ser_pcq.models.{module}.EMBEDDED", embedded)
    entries = {one.name: one for one in catalogue()}
    mine = entries["mine"]
    assert (mine.licence, mine.corpora) == (SHARING, ("emodb", "nemo"))
    assert WEIGHTS in shared_files(embedded / "mine")
    assert mine.size == entries["emodb-large"].size
