"""Models as ONNX files, run by ONNX Runtime: nothing here needs torch."""

import json
import platform
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.models.description.graph import INFO_KEY, GraphInfo
from ser_pcq.models.description.licence import package_licence
from ser_pcq.models.folder import GRAPH, WEIGHTS
from ser_pcq.models.sharing.graphs import session_options
from ser_pcq.models.speech_head.head import SPEECH, Judged

LENGTHS = "lengths"
"""Name of the second input of graphs that take padded batches: samples of each, (batch,)."""

INPUT, OUTPUT, EMBEDDING = "waveform", "probabilities", "embedding"
"""Names of the graph's input, (batch, time) at 16 kHz, and of its outputs, (batch, class) and
(batch, width); files of 0.2.0 and before have no embedding."""


def new_session(
    source: str | bytes, *, device: str = "cpu", threads: int = 1, options: Any = None
) -> Any:
    """Return an `onnxruntime.InferenceSession`.

    Args:
        source: Path or content of a file.
        device: `cpu`, `cuda`, or `auto` for `cuda` where this ONNX Runtime has it.
        threads: Of one session.
        options: `onnxruntime.SessionOptions` to start from.

    Raises:
        SerError: When the device is unknown or absent.
        RuntimeError: When it is not an ONNX file, or one that this ONNX Runtime cannot run.
    """
    import onnxruntime

    if device not in ("auto", "cpu", "cuda"):
        raise SerError("unknown device", given=device, accepted="auto, cpu or cuda")
    cuda = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    if device == "cuda" and not cuda:
        raise SerError(
            "this ONNX Runtime has no CUDA", given=device, do="install onnxruntime-gpu, or use cpu"
        )
    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors are raised; its notes on graphs are for its developers.
    options.log_severity_level = 4
    if products_overflow():
        # Single probabilities would be wrong by up to 0.7. Elsewhere it would triple the time.
        options.add_session_config_entry("session.x64quantprecision", "1")
    wanted = ["CPUExecutionProvider"]
    if cuda and device != "cpu":
        wanted.insert(0, "CUDAExecutionProvider")
    try:
        return onnxruntime.InferenceSession(source, options, providers=wanted)
    except Exception as error:  # its errors share no class
        raise RuntimeError(str(error)) from error


@lru_cache(maxsize=1)
def products_overflow(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether products in 8 bits overflow on this processor: on x86, unless it has VNNI.

    Args:
        cpuinfo: What Linux says about the processor; where there is no such file, VNNI is taken to
            be missing.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return not {"avx512_vnni", "avx_vnni"} & set(flags)


class OnnxClassifier:
    """A `Classifier` over an ONNX file that `ser-export` wrote.

    Args:
        session: Of the file.
        keep: What has to live as long as the session.
        licence: That of the package which the file belongs to; None for what the file says.

    Attributes:
        name: Name of the model.
        labels: The emotions.
        batch_size: 1: several at once are hardly faster on a CPU.
        licence: SPDX expression; None where neither states one.
        has_speech_head: Whether it tells speech from other sounds.
        info: What the file says of itself, with this licence.
        card: The model card.
        metadata: All that the file says of itself, as it is stored.

    Raises:
        CheckpointError: When the file is not such a model.
    """

    def __init__(self, session: Any, *, keep: Any = None, licence: str | None = None) -> None:
        self._session, self._kept = session, keep
        self.batch_size = 1
        metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
        self.metadata = metadata
        try:
            self.info = GraphInfo.from_json(json.loads(metadata[INFO_KEY]))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(
                "this ONNX file is not a model of ser-pcq",
                accepted="files that ser-export wrote",
            ) from error
        if licence is not None:
            self.info = replace(self.info, licence=licence)
        if self.info.sample_rate != SAMPLE_RATE:
            raise CheckpointError(
                "foreign sample rate",
                given=f"{self.info.sample_rate} Hz",
                accepted=f"{SAMPLE_RATE} Hz",
            )
        self.name, self.labels = self.info.name, self.info.labels
        self.licence = self.info.licence
        self.card: str = metadata.get("card", "")
        # In 8 bits, activations are scaled over a whole batch, so neighbours would matter.
        self._alone = self.info.precision == "int8"
        self._takes_lengths = any(one.name == LENGTHS for one in session.get_inputs())
        widths = [one.shape[1] for one in session.get_outputs() if one.name == EMBEDDING]
        self._width: int | None = widths[0] if widths else None
        self.has_speech_head = any(one.name == SPEECH for one in session.get_outputs())

    @property
    def has_embeddings(self) -> bool:
        """Whether the file gives embeddings."""
        return self._width is not None

    @property
    def width(self) -> int:
        """Length of an embedding.

        Raises:
            SerError: When the file has none.
        """
        if self._width is None:
            raise SerError(
                "this ONNX file gives no embeddings",
                given=self.name,
                accepted="files that ser-export of version 0.3.0 or later wrote",
                do="write it again with ser-export",
            )
        return self._width

    def probabilities(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score recordings; none of them depends on the others, and nothing is padded.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, class).

        Raises:
            RuntimeError: When it cannot be computed, for lack of memory for example.
        """
        return _normalised(self._run(waveforms, {OUTPUT: len(self.labels)})[0])

    def embeddings(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return what enters the last layer, averaged over segments; as `Classifier` says.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, width).

        Raises:
            SerError: When the file has no embeddings.
            RuntimeError: When it cannot be computed, for lack of memory for example.
        """
        return self._run(waveforms, {EMBEDDING: self.width})[0]

    def outputs(
        self, waveforms: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return `probabilities` and `embeddings`, computed together.

        Raises:
            SerError: When the file has no embeddings.
            RuntimeError: When it cannot be computed, for lack of memory for example.
        """
        wanted = {OUTPUT: len(self.labels), EMBEDDING: self.width}
        scores, embeddings = self._run(waveforms, wanted)
        return _normalised(scores), embeddings

    def judged(
        self, waveforms: Sequence[NDArray[np.float32]], *, embeddings: bool = False
    ) -> Judged:
        """See `HearsSpeech`."""
        wanted = {OUTPUT: len(self.labels), SPEECH: 1}
        if embeddings:
            wanted[EMBEDDING] = self.width
        scores, speech, *vectors = self._run(waveforms, wanted)
        return Judged(_normalised(scores), speech[:, 0], *vectors)

    def _run(
        self, waveforms: Sequence[NDArray[np.float32]], wanted: dict[str, int]
    ) -> list[NDArray[np.float32]]:
        """Run the graph, once for all waveforms of one length, each (time,) at 16 kHz.

        `wanted` has names of outputs, and their widths: (recording, width) is returned for each.
        """
        results = [np.empty((len(waveforms), width), np.float32) for width in wanted.values()]
        by_length: dict[int, list[int]] = {}
        for k, waveform in enumerate(waveforms):
            by_length.setdefault(-1 - k if self._alone else len(waveform), []).append(k)
        try:
            for same in by_length.values():
                batch = np.stack([waveforms[k] for k in same])
                inputs = {INPUT: batch}
                if self._takes_lengths:
                    inputs[LENGTHS] = np.full(len(batch), batch.shape[1], np.int64)
                rows = self._session.run(list(wanted), inputs)
                for result, part in zip(results, rows, strict=True):
                    result[same] = part
        except Exception as error:  # its errors share no class
            raise RuntimeError(next(iter(str(error).split("\n")), "") or repr(error)) from error
        return results


def _normalised(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return probabilities that sum to 1 in double precision; (recording, class) to the same."""
    wide = scores.astype(np.float64)
    normalised: NDArray[np.float64] = wide / wide.sum(axis=1, keepdims=True)
    return normalised


def load_onnx(path: Path, *, device: str = "cpu", threads: int = 1) -> OnnxClassifier:
    """Load a file, with the weights of its folder where it shares them.

    Raises:
        CheckpointError: When it is missing, damaged, or not a model of ser-pcq.
        SerError: When the device is unknown or absent.
    """
    if not path.is_file():
        raise CheckpointError("no such model file", given=path)
    options = keep = None
    if path.with_suffix(".json").is_file() and path.with_name(WEIGHTS).is_file():
        options, keep = session_options(path)
    try:
        session = new_session(str(path), device=device, threads=threads, options=options)
    except RuntimeError as error:
        raise CheckpointError(
            "damaged or foreign ONNX file", given=path, do=f"export it again ({error})"
        ) from error
    licence = package_licence(path.parent) if path.name == GRAPH else None
    return OnnxClassifier(session, keep=keep, licence=licence)
