"""How far ratios would move with other speakers: the bootstrap over speakers."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.metrics import Confusion, ratios_of_counts

Interval = tuple[float, float]
"""Low and high."""


def draw_speakers(n_speakers: int, n_resamples: int, seed: int) -> NDArray[np.int64]:
    """Draw `n_speakers` with replacement; return how often each was, (resample, speaker)."""
    # How often each speaker is drawn is all that matters, so a resample is one row of numbers.
    shares = np.full(n_speakers, 1 / n_speakers)
    return np.random.default_rng(seed).multinomial(n_speakers, shares, size=n_resamples)


def percentile_limits(values: NDArray[np.float64], level: float) -> Interval:
    """Return low and high of the middle share `level`, in (0, 1), of values (resample,)."""
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def speaker_interval(
    speakers: Mapping[str, Confusion],
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Estimate how far the pooled ratios would move with other speakers.

    Cluster bootstrap with percentile limits: as many speakers as there are get drawn with
    replacement, each with all their utterances. Utterances of one speaker succeed and fail
    together, so drawing single utterances would give intervals that are too narrow. A resample
    without some class follows the rule for absent classes.

    Args:
        speakers: The counts of each speaker; their order does not matter.
        n_resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same limits.
        level: Share of the resamples inside the interval, in (0, 1).

    Returns:
        Name in `METRICS` to the interval of that ratio, in [0, 1].

    Raises:
        ScoreError: With fewer than two speakers, with a speaker without utterances, with different
            label sets, or with arguments out of range.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, sections 8 and 13.
    """
    if len(speakers) < 2:
        raise ScoreError("an interval over speakers needs two speakers", given=len(speakers))
    if n_resamples < 1 or not 0 < level < 1:
        raise ScoreError(
            "n_resamples or level is out of range",
            given=f"{n_resamples}, {level}",
            accepted="1 or more, between 0 and 1",
        )
    ordered = [speakers[name] for name in sorted(speakers)]
    if len({confusion.labels for confusion in ordered}) > 1:
        raise ScoreError("the speakers were scored with different labels")
    if not all(confusion.n_utterances for confusion in ordered):
        raise ScoreError("a speaker has no utterances")
    counts = np.stack([c.as_array() for c in ordered])  # (speaker, reference, prediction)
    draws = draw_speakers(len(ordered), n_resamples, seed)
    ratios = ratios_of_counts(np.tensordot(draws, counts, axes=1))  # each (resample,)
    return {name: percentile_limits(values, level) for name, values in ratios.items()}
