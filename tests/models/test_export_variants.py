"""Embedded models as one file, without torch: as they are, in older opsets, for padded batches."""

import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
from support import tiny
from support.graphs import assert_padded_rows_are_as_alone, assert_variants_give_the_same

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.errors import SerError
from ser_pcq.models.checkpoint import save_checkpoint
from ser_pcq.models.classifier import load_classifier
from ser_pcq.models.classifier_onnx import load_onnx
from ser_pcq.models.folder import EMBEDDED, GRAPH
from ser_pcq.models.onnx_export import export
from ser_pcq.models.onnx_export.export import export_onnx
from ser_pcq.models.onnx_export.opset import with_opset

MODELS = {"emodb-small": "float32", "emodb-large": "int8"}

WITHOUT_TORCH = "\n".join(
    (
        "import sys",
        "for name in ('torch', 'torchaudio', 'transformers', 'onnxscript', 'scipy', 'sklearn'):",
        "    sys.modules[name] = None",
        "from ser_pcq.cli.export import main",
        "main()",
    )
)


@pytest.fixture(scope="module")
def waveforms(emodb_dir):
    """Real speech of several lengths, among them one that is cut to under a second."""
    files = sorted((emodb_dir / "wav").glob("*.wav"))[::110]
    return [read_waveform(files[0])[:12_345], *map(read_waveform, files)]


def exported(*arguments):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", MODELS)
def test_an_embedded_model_is_one_file_without_torch(name, waveforms, tmp_path):
    done = exported(name, tmp_path / "one.onnx")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert f"MB, {MODELS[name]}; probabilities within 0 of the graph" in done.stderr
    embedded, one = load_classifier(name), load_onnx(tmp_path / "one.onnx")
    assert (one.info, one.card, one.width) == (embedded.info, embedded.card, embedded.width)
    for given, expected in zip(one.outputs(waveforms), embedded.outputs(waveforms), strict=True):
        np.testing.assert_array_equal(given, expected)
    model = onnx.load(tmp_path / "one.onnx", load_external_data=False)
    assert not any(one.external_data for one in model.graph.initializer)
    assert_variants_give_the_same(tmp_path / "one.onnx", waveforms)


def test_options_reach_the_file(waveforms, tmp_path):
    path = tmp_path / "one.onnx"
    done = exported("emodb-small", path, "--lengths", "--opset", 17, "--precision", "float32")
    assert done.returncode == 0, done.stderr
    model = onnx.load(path)
    assert (model.ir_version, [one.version for one in model.opset_import]) == (8, [17])
    assert [one.name for one in model.graph.input] == ["waveform", "lengths"]
    assert_padded_rows_are_as_alone(path.read_bytes(), load_classifier("emodb-small"), waveforms)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "int8"], "needs the package torch; pip install 'ser-pcq[train,export]'"),
        (["--opset", "16"], "no such opset; given: 16; accepted: 17 to 20"),
        (["--opset", "21"], "no such opset; given: 21; accepted: 17 to 20"),
        (["--lengths", "--share-weights"], "leave out --share-weights or --lengths"),
        (["--common", "x"], "add --folder"),
    ],
)
def test_what_cannot_be_written_says_so_and_leaves_nothing(options, message, tmp_path):
    done = exported("emodb-small", tmp_path / "one.onnx", *options)
    assert done.returncode == 1
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_onnx_file_is_not_exported_again(tmp_path):
    export_onnx("emodb-small", tmp_path / "one.onnx")
    with pytest.raises(SerError, match="is an ONNX file already"):
        export_onnx(str(tmp_path / "one.onnx"), tmp_path / "two.onnx")


def test_a_graph_of_other_weights_is_not_taken(tmp_path):
    """In a folder that was trained again, the graph left from before is of another model."""
    recognizer = tiny.recognizer()
    save_checkpoint(tmp_path / "model", recognizer, tiny.info(recognizer))
    for file in (GRAPH, "model.json"):
        shutil.copy(EMBEDDED / "emodb-small" / file, tmp_path / "model")
    assert export._graph_at_hand(tmp_path / "model") is None
    assert export._graph_at_hand(EMBEDDED / "emodb-small") is not None


def test_operators_that_cannot_go_back_are_refused():
    node = onnx.helper.make_node("Gelu", ["x"], ["y"], approximate="tanh")
    x, y = (onnx.helper.make_tensor_value_info(name, 1, [2]) for name in "xy")
    graph = onnx.helper.make_graph([node], "g", [x], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])
    with pytest.raises(SerError, match="cannot be written in opset 17"):
        with_opset(model, 17)
    assert with_opset(model, 20) is model
