"""Features of all utterances, kept on the disk: they may be more than memory holds."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ser_pcq.data.waveforms import read_utterance
from ser_pcq.files import whole_file
from ser_pcq.models.linear.recognizer import Functionals
from ser_pcq.training.contract import OnProgress
from ser_pcq.training.copies.make import augmented_copies, n_copies, seed_of
from ser_pcq.training.experiment import Experiment
from ser_pcq.training.linear.lazy_sets import LazySets

FeatureSets = Mapping[str, NDArray[Any]]
"""Name to (utterance, feature)."""


def features_of(
    experiment: Experiment, functionals: Functionals, on_prepare: OnProgress
) -> FeatureSets:
    """Return the functionals of every utterance of the data, (utterance, feature) for each set.

    They depend on no label and on no other utterance, so all folds share them, unless each has its
    own slim encoder; they are kept in the cache under a hash of the recordings' samples and
    of everything else that they depend on, a file for each set.

    Returns:
        Name of a set to (utterance, feature); with copies (utterance times copy, feature), the
        unchanged utterance before its copies.
    """
    augment = experiment.config.augment
    about = [functionals.fingerprint(), *(one.digest for one in experiment.audio.prints)]
    if n_copies(augment) > 1:
        about.append(f"copies of seed {experiment.seed}: {augment}")
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    kept = {
        name: experiment.cache_dir / "functionals" / f"{key[:32]}-{k}.npy"
        for k, name in enumerate(functionals.names)
    }
    n_rows = len(experiment.data.utterances) * n_copies(augment)
    if not all(_is_complete(path, n_rows) for path in kept.values()):
        _compute(experiment, functionals, kept, on_prepare)
    return LazySets(kept, lambda name: np.load(kept[name], mmap_mode="r"))


def _is_complete(path: Path, n_rows: int) -> bool:
    """Tell whether a file holds the features of all utterances and copies."""
    try:
        return len(np.load(path, mmap_mode="r")) == n_rows
    except (OSError, ValueError):
        return False


def _compute(
    experiment: Experiment,
    functionals: Functionals,
    kept: Mapping[str, Path],
    on_prepare: OnProgress,
) -> None:
    """Write the features of every utterance and copy, row by row, whole or not at all."""
    n_rows = len(experiment.data.utterances) * n_copies(experiment.config.augment)
    with ExitStack() as stack:

        def opened(name: str, width: int) -> "np.memmap[Any, Any]":
            """Return the file of a set, (utterance times copy, feature), still to be filled."""
            temporary = stack.enter_context(whole_file(kept[name]))
            return np.lib.format.open_memmap(temporary, "w+", "<f4", (n_rows, width))

        files: dict[str, np.memmap[Any, Any]] = {}
        for row, waveform in enumerate(_waveforms(experiment, on_prepare)):
            vectors = functionals(waveform)
            # How many features there are is known from the first vector.
            files = files or {name: opened(name, len(one)) for name, one in vectors.items()}
            for name, vector in vectors.items():
                files[name][row] = vector.numpy()
        for values in files.values():
            values.flush()


def _waveforms(experiment: Experiment, on_prepare: OnProgress) -> Iterator[Tensor]:
    """Yield every utterance, (time,), the unchanged one before its copies."""
    utterances, augment = experiment.data.utterances, experiment.config.augment
    for done, utterance in enumerate(utterances, start=1):
        waveform = torch.from_numpy(read_utterance(utterance))
        seed = seed_of(experiment.seed, utterance.utterance_id)
        yield from augmented_copies(waveform, augment, seed=seed)
        on_prepare(done, len(utterances))


def adapted(features: FeatureSets, speakers: NDArray[Any]) -> FeatureSets:
    """Normalise features with mean and deviation over the utterances of their own speaker."""

    def of_set(name: str) -> NDArray[Any]:
        result = features[name].astype(np.float64)
        for speaker in np.unique(speakers):
            own = speakers == speaker
            deviation = result[own].std(axis=0)
            result[own] = (result[own] - result[own].mean(axis=0)) / np.where(
                deviation > 1e-9, deviation, 1.0
            )
        return result

    return LazySets(features, of_set)
