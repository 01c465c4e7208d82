"""The fit: ridge regression on speech (1) and other sounds (-1), and its thresholds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.models.speech_head.head import SpeechHead

Floats = NDArray[np.floating[Any]]

PENALTY = 1.0
"""Of the ridge regression, in units of the mean of the Gram matrix's diagonal: chosen from 0.003 to
3 by cross-validation on what was fitted, where 0.3 to 3 were alike."""

_FOLDS = 4
_SPARE = 0.1  # least distance of the thresholds; the targets are 1 and -1


@dataclass(frozen=True, eq=False)
class Fitted:
    """A head, and how it does on recordings that did not fit it.

    Attributes:
        head: Fitted on all.
        caught: Share of the sounds that are doubtful or no speech.
        refused: Share of the sounds that are no speech.
    """

    head: SpeechHead
    caught: float
    refused: float


def fit_head(speech: Floats, sounds: Floats, copies: int, penalty: float = PENALTY) -> Fitted:
    """Fit a head, both classes with the same weight.

    Thresholds are set by cross-validation in folds of neighbours, so that variants of a recording
    are on one side, and sounds of one source mostly too: 1 % of the speech is doubtful.

    Args:
        speech: Embeddings of speech, (recording, width), those of one recording in a row.
        sounds: Of sounds without.
        copies: How many there are of each recording.
        penalty: Of the regression.
    """
    both = np.concatenate([speech, sounds]).astype(np.float32)
    target = np.concatenate([np.ones(len(speech)), -np.ones(len(sounds))])
    weight = np.where(target > 0, 0.5 / len(speech), 0.5 / len(sounds))
    mean = weight @ both
    scale = np.sqrt(np.maximum(weight @ both**2 - mean**2, 0)) + 1e-3
    both -= mean.astype(np.float32)
    both /= scale.astype(np.float32)
    gram = (both @ both.T).astype(np.float64) / both.shape[1]
    scores = np.empty(len(both))
    folds = np.concatenate([_folds(len(speech), copies), _folds(len(sounds), copies)])
    for fold in range(_FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        dual = _solved(gram[np.ix_(inside, inside)], target[inside], weight[inside], penalty)
        scores[outside] = gram[np.ix_(outside, inside)] @ dual
    doubtful, none = np.quantile(scores[target > 0], [0.01, 0.001])
    none = min(none, doubtful - _SPARE)
    dual = _solved(gram, target, weight, penalty)
    direction = (dual @ both) / both.shape[1] / scale
    # Shifted and stretched so that the thresholds are 0 and -1 in every model.
    unit = doubtful - none
    head = SpeechHead(
        (direction / unit).astype(np.float32), float((-(direction @ mean) - doubtful) / unit)
    )
    of_sounds = scores[target < 0]
    return Fitted(head, float(np.mean(of_sounds < doubtful)), float(np.mean(of_sounds < none)))


def _folds(n: int, copies: int) -> NDArray[np.int64]:
    """Return the fold of each embedding, (n,)."""
    recordings = -(-n // copies)
    return np.arange(n) // copies * _FOLDS // recordings


def _solved(gram: Floats, target: Floats, weight: Floats, penalty: float) -> Floats:
    """Return the dual solution of the weighted ridge regression, (recording,)."""
    ridge = penalty / (weight / weight.mean())
    solution: Floats = np.linalg.solve(gram + np.diag(ridge), target)
    return solution
