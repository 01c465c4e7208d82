"""Corpora as a model hears them that was trained without them: vectors, heard once and kept."""

import argparse
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq import load
from ser_pcq.data.directory import DataDir
from ser_pcq.files import whole_file
from ser_pcq.models.adapted.classifier import AdaptedClassifier
from ser_pcq.models.adapted.package import as_adapted
from ser_pcq.models.info import read_info


@dataclass(frozen=True, eq=False)
class Heard:
    """What a model heard in the corpus that its training left out.

    Attributes:
        corpus: Name of the corpus.
        model: The model, before its first adaptation.
        ids: Of the utterances, (utterance,).
        vectors: (utterance, width).
        speakers: (utterance,).
        emotions: (utterance,).
        seconds: How long each is, (utterance,).
    """

    corpus: str
    model: AdaptedClassifier
    ids: NDArray[Any]
    vectors: NDArray[np.float32]
    speakers: NDArray[Any]
    emotions: NDArray[Any]
    seconds: NDArray[np.float64]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Which utterances are of emotions that the model knows, (utterance,)."""
        known = np.array(self.model.labels)[self.model.head.is_known]
        return np.isin(self.emotions, known)

    def rows_of(self, speaker: str) -> NDArray[np.intp]:
        """Return the places of a speaker's utterances."""
        return np.flatnonzero(self.speakers == speaker)


def left_out(experiment: Path, data: DataDir, cache: Path) -> Iterator[Heard]:
    """Yield each corpus with the model of the fold that left it out.

    Args:
        experiment: The folder of a run with `leave-one-corpus-out`.
        data: What it was trained on.
        cache: Where vectors are kept.
    """
    for folder in sorted(experiment.glob("fold_*/checkpoint")):
        tested = set(read_info(folder).data.test_speakers)
        known = [u for u in data.utterances if u.speaker in tested]
        (corpus,) = {u.corpus for u in known}
        predictor = load(folder)
        model = as_adapted(predictor.classifier, str(folder))
        key = hashlib.sha256(f"{model.base.sha256} {[u.utterance_id for u in known]}".encode())
        kept = cache / f"{key.hexdigest()[:16]}.npz"
        if not kept.is_file():
            print(f"hearing {len(known)} utterances of {corpus}", file=sys.stderr, flush=True)
            vectors, seconds = [], []
            for done, result in enumerate(
                predictor.embed_each(str(u.audio) for u in known), start=1
            ):
                vectors.append(result.vector)
                seconds.append(result.prediction.duration or np.nan)
                if done % 500 == 0:
                    print(f"{done} of {len(known)}", file=sys.stderr, flush=True)
            cache.mkdir(parents=True, exist_ok=True)
            with whole_file(kept) as temporary, temporary.open("wb") as file:
                np.savez(file, vectors=np.array(vectors), seconds=np.array(seconds))
        arrays = np.load(kept)
        ok = np.isfinite(arrays["vectors"]).all(axis=1)
        if not ok.all():
            print(f"{corpus}: {(~ok).sum()} without an answer", file=sys.stderr)
        names = np.array([(u.utterance_id, u.speaker, u.emotion) for u in known])[ok]
        yield Heard(
            str(corpus),
            model,
            *(names[:, 0], arrays["vectors"][ok]),
            *(names[:, 1], names[:, 2], arrays["seconds"][ok]),
        )


def new_parser(about: str) -> argparse.ArgumentParser:
    """Return a parser of what every command here takes: experiment, data, and cache."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("heard"))
    return parser
