"""What adapting a linear recognizer to a voice needs to know, found while it is trained."""

from collections.abc import Sequence

import numpy as np

from ser_pcq.models.info import VoiceInfo
from ser_pcq.models.linear.classifier import Floats, LinearClassifier
from ser_pcq.models.linear.own_voice import within_emotions
from ser_pcq.training.linear.lazy_sets import LazySets
from ser_pcq.training.linear.method import Method, fit_mean
from ser_pcq.training.linear.sample import SampleSets
from ser_pcq.training.linear.selection import Chosen
from ser_pcq.training.linear.table import Table


def voice_info(
    table: Table,
    side: str,
    chosen: Chosen,
    log_prior: Floats,
    *,
    copies: bool,
) -> VoiceInfo | None:
    """Return how scores vary within an emotion; None where nobody has two recordings of one.

    Args:
        table: The utterances.
        side: Of the fold: on which the logits of `chosen` are.
        chosen: What was chosen, with logits by fits that had not heard them.
        log_prior: What is added to the log-probability of each class, (class,).
        copies: Whether copies are among them; those do not count.
    """
    speakers, unchanged = table.voices(side, copies=copies)
    targets = table.take(side, copies=copies).targets
    if len(chosen.logits) != len(speakers):
        return None
    groups = [
        chosen.logits[unchanged & (speakers == speaker) & (targets == target)]
        for speaker in np.unique(speakers)
        for target in np.unique(targets)
    ]
    if not any(len(one) > 1 for one in groups):
        return None
    within = [_six_digits(row) for row in within_emotions(groups)]
    return VoiceInfo(tuple(within), _six_digits(log_prior))


def _six_digits(values: Floats) -> tuple[float, ...]:
    """Round values: their last digits differ from machine to machine."""
    return tuple(float(f"{v:.6g}") for v in np.round(values, 12))


def fit_by_voice(
    table: Table,
    sides: Sequence[str],
    chosen: Chosen,
    method: Method,
    classifier: LinearClassifier,
) -> LinearClassifier | None:
    """Fit what was chosen on utterances from which the mean of their speaker is taken.

    The mean over speakers is added. So no weight is spent on telling voices and corpora apart,
    which a model that is adapted to a voice need not do. Copies are left out: how a line sounds is
    part of what the mean takes away.

    Args:
        table: The utterances.
        sides: Of the fold: what is fitted on.
        chosen: Features and settings.
        method: How to fit.
        classifier: What the model has fitted on these features: its standardisation gives
            embeddings.

    Returns:
        A classifier over embeddings; None with fewer than two speakers.
    """
    sets = table.take(*sides).only(chosen.feature_sets)
    speakers = np.concatenate([table.voices(side)[0] for side in sides])
    names, places = np.unique(speakers, return_inverse=True)
    if len(names) < 2 or len(np.unique(sets.targets)) < 2:
        return None

    def centred(name: str) -> Floats:
        features = sets.feature_sets[name]
        means = np.stack(
            [features[places == k].mean(axis=0, dtype=np.float64) for k in range(len(names))]
        )
        # One speaker after the other, in place: all of them at once are twice the memory.
        moved: Floats = np.array(features, copy=True)
        for k, mean in enumerate(means):
            moved[places == k] += (means.mean(axis=0) - mean).astype(moved.dtype)
        return moved

    by_voice = SampleSets(
        LazySets(chosen.feature_sets, centred),
        sets.targets,
        sets.groups,
        sets.n_classes,
        sets.weights,
    )
    fitted = fit_mean(by_voice, method, chosen.settings)
    weight = fitted.weight / fitted.scale  # over features
    bias = fitted.bias + weight @ (classifier.mean - fitted.mean)
    nothing = np.zeros_like(fitted.mean)
    return LinearClassifier(nothing, nothing + 1, weight * classifier.scale, bias)
