"""What is made of a graph gives what the graph does."""

from pathlib import Path

import numpy as np
import onnx

from ser_pcq.models.classifier_onnx import OnnxClassifier, new_session
from ser_pcq.models.onnx_export.lengths import with_lengths
from ser_pcq.models.onnx_export.opset import with_opset

Waveforms = list[np.ndarray]


def padded(waveforms: Waveforms, *, with_what: float = 0.7) -> dict[str, np.ndarray]:
    """Inputs of a graph with lengths; what is in the padding must not matter."""
    lengths = np.array([len(one) for one in waveforms])
    batch = np.full((len(waveforms), lengths.max()), with_what, np.float32)
    for row, one in zip(batch, waveforms, strict=True):
        row[: len(one)] = one
    return {"waveform": batch, "lengths": lengths}


def assert_padded_rows_are_as_alone(content: bytes, alone: OnnxClassifier, waveforms: Waveforms):
    scores, vectors = alone.outputs(waveforms)
    session = new_session(content)
    for with_what in (0.7, np.nan):
        inputs = padded(waveforms, with_what=with_what)
        rows = session.run(["probabilities", "embedding"], inputs)
        np.testing.assert_allclose(rows[0], scores, atol=1e-5)
        np.testing.assert_allclose(rows[1], vectors, atol=1e-5, rtol=1e-5)
    # A classifier gives lengths by itself.
    np.testing.assert_allclose(OnnxClassifier(session).probabilities(waveforms), scores, atol=1e-5)


def assert_variants_give_the_same(path: Path, waveforms: Waveforms):
    """In older opsets and for padded batches; `path` is a complete file of the newest opset."""
    model, alone = onnx.load(path), OnnxClassifier(new_session(str(path)))
    scores, vectors = alone.outputs(waveforms)
    for opset in (19, 17):
        older = with_opset(model, opset)
        assert [one.version for one in older.opset_import if one.domain == ""] == [opset]
        onnx.checker.check_model(older, full_check=True)
        given = OnnxClassifier(new_session(older.SerializeToString())).outputs(waveforms)
        np.testing.assert_allclose(given[0], scores, atol=1e-5)
        np.testing.assert_allclose(given[1], vectors, atol=1e-5, rtol=1e-5)
    for one in (model, older):
        looped = with_lengths(one)
        onnx.checker.check_model(looped, full_check=True)
        assert_padded_rows_are_as_alone(looped.SerializeToString(), alone, waveforms)
