"""ONNX files compute what the models do, whatever the length, and tell what they are."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from support import tiny
from support.graphs import assert_variants_give_the_same
from support.paths import ROOT, SOUNDS

from ser_pcq.audio.waveform import read_waveform
from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.models.checkpoint import load_checkpoint, save_checkpoint
from ser_pcq.models.classifier import load_classifier
from ser_pcq.models.classifier_onnx import OnnxClassifier, load_onnx
from ser_pcq.models.folder import EMBEDDED, GRAPH, WEIGHTS
from ser_pcq.models.onnx_export import translator
from ser_pcq.models.onnx_export.export import export_onnx
from ser_pcq.models.onnx_export.recognizers import as_graph
from ser_pcq.models.sharing.packages import write_package

LENGTHS = (0.1, 0.31, 1.0, 1.01, 2.0, 3.7, 10.0, 10.01, 23.4)


def sounds() -> list[np.ndarray]:
    """Noise that comes and goes, of many lengths, (time,) each."""
    random = np.random.default_rng(1)
    swells = []
    for seconds in LENGTHS:
        time = np.arange(round(16_000 * seconds)) / 16_000
        swell = np.sin(2 * np.pi * 1.7 * time) ** 4 + 1e-3
        swells.append((0.3 * swell * random.standard_normal(len(time))).astype(np.float32))
    return swells


PUBLISHED = {
    "frontend": {
        "kind": "published",
        "n_fft": 800,
        "win_length": 640,
        "preemphasis": 0.97,
        "image_height": 40,
        "image_width": 60,
    },
    "segment": {"duration": 1.0, "padding": "published"},
}
DELTAS = {"frontend": {"deltas": 2, "extra_windows": (1200,), "level": "peak"}}


@pytest.mark.parametrize("changes", [{}, PUBLISHED, DELTAS], ids=["plain", "published", "deltas"])
def test_graphs_of_networks_compute_what_networks_do(changes):
    torch.manual_seed(0)
    recognizer = tiny.recognizer(**changes)
    graph = as_graph(recognizer)
    with torch.inference_mode():
        for sound in map(torch.from_numpy, sounds()):
            expected, vector = recognizer.batch_outputs([sound])
            probabilities, embedding = graph(sound[None])
            torch.testing.assert_close(probabilities, expected.exp(), atol=1e-5, rtol=0)
            torch.testing.assert_close(embedding, vector, atol=1e-4, rtol=1e-4)


# Each with another spectrogram and another way of cutting, so that three files have all of both;
# writing one takes half a minute. A network without an encoder is written by the command, below,
# and the embedded models are cut in the fourth way.
NETWORKS = {
    "light head": {},
    "paper head, published spectrogram": {**PUBLISHED, "model": {"head": "paper"}},
    "time-aligned, deltas": {
        **DELTAS,
        "segment": {"duration": 1.0, "padding": "zero"},
        "model": {"query_orientation": "time-aligned"},
    },
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_becomes_a_file(name, tmp_path):
    """With a small random WavLM."""
    recognizer = tiny.recognizer(with_encoder=True, **NETWORKS[name])
    recognizer.frontend.fit(recognizer.segments(torch.from_numpy(sounds()[4])).spectrogram)
    save_checkpoint(tmp_path / "model", recognizer, tiny.info(recognizer))
    export_onnx(str(tmp_path / "model"), tmp_path / "model.onnx")
    classifier = load_onnx(tmp_path / "model.onnx")
    for sound in sounds():
        scores = classifier.probabilities([sound])[0]
        expected = recognizer.log_probabilities(torch.from_numpy(sound)).exp().numpy()
        np.testing.assert_allclose(scores, expected, atol=1e-4)
    assert_batches_are_as_one(classifier)
    checkpoint = load_checkpoint(str(tmp_path / "model"))
    assert_embeddings_are_those_of(classifier, checkpoint, sounds())
    for judge in (classifier, checkpoint):
        assert_what_is_no_number_gives_none(judge)
    assert_variants_give_the_same(tmp_path / "model.onnx", sounds()[1:6])


def assert_what_is_no_number_gives_none(judge):
    """One sample, even the last, makes all of an answer NaN, and no answer beside it."""
    good, *bad = (sounds()[6].copy() for _ in range(4))
    bad[0][0], bad[1][5_000], bad[2][-1] = np.nan, np.inf, np.nan
    scores, vectors = judge.outputs([good, *bad])
    assert scores[0].sum() == pytest.approx(1)
    assert np.isfinite(vectors[0]).all()
    assert np.isnan(scores[1:]).all()
    assert np.isnan(vectors[1:]).all()


def assert_embeddings_are_those_of(classifier, checkpoint, waveforms):
    vectors = classifier.embeddings(waveforms)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(waveforms), classifier.width))
    assert classifier.width == checkpoint.width
    np.testing.assert_allclose(vectors, checkpoint.embeddings(waveforms), atol=1e-4, rtol=1e-4)
    scores, again = classifier.outputs(waveforms)
    np.testing.assert_array_equal(again, vectors)
    np.testing.assert_array_equal(scores, classifier.probabilities(waveforms))


def assert_batches_are_as_one(classifier):
    batch = [sound[:40_123] for sound in sounds()[5:]]
    alone = np.concatenate([classifier.probabilities([one]) for one in batch])
    np.testing.assert_allclose(classifier.probabilities(batch), alone, atol=1e-5)


@pytest.mark.parametrize("name", ["emodb-large", "emodb-small"])
def test_graphs_of_linear_models_compute_what_the_models_do(name):
    recognizer = load_checkpoint(name).recognizer
    graph = as_graph(recognizer)
    with torch.inference_mode():
        for sound in map(torch.from_numpy, sounds()):
            expected, vector = recognizer.batch_outputs([sound])
            probabilities, embedding = graph(sound[None])
            torch.testing.assert_close(probabilities, expected.exp(), atol=1e-4, rtol=0)
            # Statistics of a few frames of noise are up to 30 deviations from those of speech.
            exact = 1e-4 * float(vector.abs().max())
            torch.testing.assert_close(embedding, vector, atol=exact, rtol=0)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The small embedded model in single precision and in 8 bits."""
    folder = tmp_path_factory.mktemp("onnx")
    # Without the graph that it has, so that it is translated.
    write_package("emodb-small", folder / "model")
    (folder / "model" / GRAPH).unlink()
    export_onnx(str(folder / "model"), folder / "float32.onnx")
    graph = onnx.load(folder / "float32.onnx")
    del graph.metadata_props[:]
    with pytest.MonkeyPatch.context() as patch:
        # It would be translated again, which takes a minute.
        patch.setattr(translator, "translate", lambda _: graph)
        export_onnx("emodb-small", folder / "int8.onnx", precision="int8")
        export_onnx(str(folder / "model"), folder / "model" / GRAPH, share_weights=True)
    return folder


def test_a_graph_that_shares_weights_gets_them_back(exported, tmp_path):
    whole = (exported / "float32.onnx").stat().st_size
    assert (exported / "model" / GRAPH).stat().st_size < whole / 2
    export_onnx(str(exported / "model"), tmp_path / "again.onnx")
    one, again = (onnx.load(f) for f in (exported / "float32.onnx", tmp_path / "again.onnx"))
    assert one.graph.node == again.graph.node
    for given, expected in zip(again.graph.initializer, one.graph.initializer, strict=True):
        assert given.name == expected.name
        np.testing.assert_array_equal(
            onnx.numpy_helper.to_array(given), onnx.numpy_helper.to_array(expected)
        )


def test_a_file_gives_the_probabilities_of_its_model_and_batches_those_of_one(exported):
    recognizer = load_checkpoint("emodb-small").recognizer
    classifier = load_onnx(exported / "float32.onnx")
    assert classifier.labels == recognizer.labels
    for sound in sounds():
        scores = classifier.probabilities(sound[np.newaxis])[0]
        expected = recognizer.log_probabilities(torch.from_numpy(sound)).exp().numpy()
        np.testing.assert_allclose(scores, expected, atol=1e-4)
        assert scores.sum() == pytest.approx(1)
    for file in ("float32.onnx", "int8.onnx"):
        classifier = load_onnx(exported / file)
        batch = np.stack([sound[:16_000] * (k + 1) for k, sound in enumerate(sounds()[4:])])
        together = classifier.probabilities(batch)
        alone = np.concatenate([classifier.probabilities(one[np.newaxis]) for one in batch])
        np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_file_gives_the_embeddings_of_its_model(exported, emodb_dir):
    """Of real speech: standardised statistics of noise are far from 0, and less exact."""
    waveforms = [read_waveform(file) for file in sorted((emodb_dir / "wav").glob("*.wav"))[::60]]
    classifier, checkpoint = load_onnx(exported / "float32.onnx"), load_checkpoint("emodb-small")
    assert_embeddings_are_those_of(classifier, checkpoint, waveforms)
    # The last layer makes probabilities of them.
    logits = checkpoint.recognizer.classify(torch.from_numpy(classifier.embeddings(waveforms)))
    scores = (logits / checkpoint.recognizer.temperature).softmax(dim=1).detach()
    np.testing.assert_allclose(scores, classifier.probabilities(waveforms), atol=1e-4)
    rounded = load_onnx(exported / "int8.onnx")
    vectors = rounded.embeddings(waveforms)
    assert vectors.shape == (len(waveforms), checkpoint.width)
    np.testing.assert_array_equal(vectors[1:2], rounded.embeddings(waveforms[1:2]))


def test_a_file_without_embeddings_predicts_and_says_how_to_get_them():
    classifier = load_onnx(ROOT / "tests/support/stored_983a9ba/models/pcq.onnx")
    assert classifier.probabilities(sounds()[:1]).sum() == pytest.approx(1)
    for ask in (classifier.embeddings, classifier.outputs):
        with pytest.raises(SerError, match=r"gives no embeddings.*write it again with ser-export"):
            ask(sounds()[:1])


@pytest.mark.parametrize("name", ["emodb-small", "emodb-large"])
def test_a_sample_that_is_no_number_never_gives_a_class(name):
    for judge in (load_classifier(name), load_checkpoint(name)):
        assert_what_is_no_number_gives_none(judge)


def test_8_bits_decide_as_the_model_does(exported, emodb_dir):
    """On a part of EMO-DB; the whole is in the benchmarks."""
    single, rounded = (load_onnx(exported / f"{p}.onnx") for p in ("float32", "int8"))
    same = 0
    files = sorted((emodb_dir / "wav").glob("*.wav"))[::9]
    for file in files:
        waveform = read_waveform(file)[np.newaxis]
        same += single.probabilities(waveform).argmax() == rounded.probabilities(waveform).argmax()
    assert same >= 0.99 * len(files) - 1


def test_a_file_says_what_it_is_and_nothing_of_where_it_was_made(exported):
    classifier = load_onnx(exported / "float32.onnx")
    assert classifier.name == "emodb-small"
    assert classifier.info.data.corpus == "emodb"
    assert "EMO-DB" in classifier.card
    content = (exported / "float32.onnx").read_bytes()
    for word in (b"site-packages", b".py", sys.prefix.encode()):
        assert word not in content


def test_files_are_predicted_with_without_torch(exported):
    code = "import sys; sys.modules['torch'] = None\nfrom ser_pcq.cli.predict import app\napp()"
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            SOUNDS / "calm.wav",
            "--format",
            "jsonl",
            "--model",
            exported / "float32.onnx",
            "--segments",
            "--speech",
            "energy",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert (answer["status"], answer["model"]) == ("ok", "emodb-small")
    assert answer["segments"]


def test_a_network_is_exported_by_the_command_and_predicts_the_same(command, tmp_path):
    torch.manual_seed(0)
    recognizer = tiny.recognizer()
    save_checkpoint(tmp_path / "model", recognizer, tiny.info(recognizer))
    result = command("export", tmp_path / "model", tmp_path / "tiny.onnx")
    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    assert "tiny.onnx" in result.stderr
    classifier = load_onnx(tmp_path / "tiny.onnx")
    for sound in sounds():
        expected = recognizer.log_probabilities(torch.from_numpy(sound)).exp().numpy()
        np.testing.assert_allclose(
            classifier.probabilities(sound[np.newaxis])[0], expected, atol=1e-4
        )
    assert_batches_are_as_one(classifier)


def test_what_cannot_be_exported_or_read_says_so(command, tmp_path):
    result = command("export", "emodb-small", tmp_path / "model.bin")
    assert result.returncode == 1
    assert "must end in .onnx" in result.stderr
    with pytest.raises(CheckpointError, match="no such model"):
        export_onnx("nothing-there", tmp_path / "x.onnx")
    with pytest.raises(SerError, match="no such precision"):
        export_onnx("emodb-small", tmp_path / "x.onnx", precision="int4")
    (tmp_path / "broken.onnx").write_bytes(b"no graph")
    with pytest.raises(CheckpointError, match="damaged or foreign"):
        load_onnx(tmp_path / "broken.onnx")
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize(("name", "tolerance"), [("emodb-small", 1e-4), ("emodb-large", 0.05)])
def test_embedded_graphs_predict_as_their_models(name, tolerance, emodb_dir):
    recognizer, classifier = load_checkpoint(name).recognizer, load_classifier(name)
    assert isinstance(classifier, OnnxClassifier)
    assert classifier.name == name
    for file in sorted((emodb_dir / "wav").glob("*.wav"))[::40]:
        waveform = read_waveform(file)
        expected = recognizer.log_probabilities(torch.from_numpy(waveform)).exp().numpy()
        given = classifier.probabilities(waveform[np.newaxis])[0]
        assert given.argmax() == expected.argmax()
        np.testing.assert_allclose(given, expected, atol=tolerance)


def test_a_plain_installation_is_enough_for_the_embedded_models():
    heavy = ("torch", "torchaudio", "scipy", "pandas", "librosa", "transformers", "sklearn")
    blocked = "".join(f"sys.modules[{name!r}] = None; " for name in (*heavy, "matplotlib", "onnx"))
    code = f"import sys; {blocked}from ser_pcq.cli.predict import app; app()"
    for model in ("emodb-large", "emodb-small"):
        result = subprocess.run(
            [sys.executable, "-c", code, str(SOUNDS), "--model", model, "--segments"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
    other = "import sys; sys.modules['torch'] = None; from ser_pcq.cli.train import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", other, "recipes/conf/pcq-small.toml", "data", "exp"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "ser-pcq[train]" in result.stderr


def test_a_graph_beside_other_weights_than_its_own_is_refused(tmp_path):
    shutil.copytree(EMBEDDED / "emodb-small", tmp_path / "model")
    load_classifier(str(tmp_path / "model"))
    with (tmp_path / "model" / WEIGHTS).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(CheckpointError, match="damaged model"):
        load_classifier(str(tmp_path / "model"))
