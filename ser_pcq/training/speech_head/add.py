"""A head for a model: embeddings of speech and of other sounds, the fit, and the package."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.find import find_audio
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform
from ser_pcq.data import directory
from ser_pcq.data.waveforms import read_utterance
from ser_pcq.errors import DataError
from ser_pcq.models.classifier import Classifier, load_classifier
from ser_pcq.models.info import SpeechHeadInfo
from ser_pcq.processes import Progress, no_progress
from ser_pcq.training.speech_head.fit import PENALTY, Fitted, fit_head
from ser_pcq.training.speech_head.package import add_head
from ser_pcq.training.speech_head.variants import variants

COPIES = 4
"""Embeddings of each recording."""

MOST = 600
"""Recordings of one source of speech; of a larger one, so many are drawn."""

_LONGEST = 8 * SAMPLE_RATE

Wave = NDArray[np.float32]
_Item = TypeVar("_Item")


def add_speech_head(
    model: str,
    sounds: Path,
    speech: Sequence[Path],
    *,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> Fitted:
    """Fit a head on a model's embeddings, and put it into its package.

    Args:
        model: Embedded name or path of a package.
        sounds: A folder of recordings without speech.
        speech: Data directories, and folders of recordings of speech.
        seed: Of what is drawn.
        on_progress: Takes recordings embedded and recordings in all.

    Raises:
        CheckpointError: When the model is missing, damaged, or no package.
        DataError: When there is nothing to fit on, or a recording cannot be read.
        SerError: When the model gives no embeddings.
    """
    without = _waves(sounds)
    of_each = {_name(one): _waves(one, seed) for one in speech}
    voices = [wave for waves in of_each.values() for wave in waves]
    if not without or not voices:
        raise DataError("there is nothing to fit a speech head on", given=[sounds, *speech])
    classifier = load_classifier(model)
    total, random = len(voices) + len(without), np.random.default_rng(seed)
    heard = _embedded(classifier, voices, random, without)
    rows = []
    for n, row in enumerate(chain(heard, _embedded(classifier, without, random, ()))):
        rows.append(row)
        on_progress((n + 1) / COPIES, total)
    n_speech = COPIES * len(voices)
    fitted = fit_head(np.stack(rows[:n_speech]), np.stack(rows[n_speech:]), COPIES)
    counts = {name: len(waves) for name, waves in of_each.items()}
    info = SpeechHeadInfo(counts, len(without), PENALTY, round(fitted.caught, 4))
    add_head(model, fitted.head, info)
    return fitted


def _name(source: Path) -> str:
    """Return what a source is called in the package."""
    return source.resolve().name


def _waves(source: Path, seed: int | None = None) -> list[Wave]:
    """Read recordings of a data directory or folder in the order of names.

    Args:
        source: Where they are.
        seed: Of the draw where there are more than `MOST`; None to take all.

    Raises:
        DataError: When one cannot be read.
    """
    if (source / "wav.scp").is_file():
        utterances = list(directory.read(source).utterances)
        return [read_utterance(one)[:_LONGEST] for one in _drawn(utterances, seed)]
    return [read_waveform(path)[:_LONGEST] for path in _drawn(sorted(find_audio([source])), seed)]


def _drawn(items: list[_Item], seed: int | None) -> list[_Item]:
    """Return `MOST` of some items in their order, or all."""
    if seed is None or len(items) <= MOST:
        return items
    chosen = np.random.default_rng(seed).choice(len(items), MOST, replace=False)
    return [items[k] for k in sorted(chosen)]


def _embedded(
    classifier: Classifier, waves: list[Wave], random: np.random.Generator, over: Sequence[Wave]
) -> Iterator[NDArray[np.float32]]:
    """Yield the embeddings of recordings and of their variants, each (width,)."""
    for wave in waves:
        for variant in variants(wave, random, over):
            yield classifier.embeddings([variant])[0]
