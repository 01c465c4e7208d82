"""Human listeners as a system: how often they recognised the emotion that was meant.

EMO-DB comes with its listening test, `erkennung.txt` ("recognition"): one line for each recording,
with the share of the twenty listeners who named the intended emotion. Each recording therefore
counts with a share between 0 and 1 instead of right or wrong; WA and UA are defined as usual.

Recordings that fewer than 80 % recognised were left out of the corpus (Burkhardt et al. 2005,
section 5), so these figures flatter the listeners.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.data.directory import Utterance
from ser_pcq.errors import DataError
from ser_pcq.evaluation.intervals import draw_speakers, percentile_limits

RECOGNITION = "erkennung.txt"


@dataclass(frozen=True)
class ListenerScores:
    """What listeners reach; every ratio is in [0, 1].

    Attributes:
        n_utterances: Number of recordings.
        n_speakers: Number of speakers.
        wa: Mean recognition rate over the recordings.
        ua: The same within each emotion, averaged over the emotions.
        wa_interval: 95 % interval over speakers; None with one speaker.
        ua_interval: The same of UA.
        recall: Mean recognition rate of each emotion.
    """

    n_utterances: int
    n_speakers: int
    wa: float
    ua: float
    wa_interval: tuple[float, float] | None
    ua_interval: tuple[float, float] | None
    recall: dict[str, float]


def read_recognition(path: Path) -> dict[str, float]:
    """Read `erkennung.txt`: Latin-1, tab separated, decimal commas, non-breaking blanks.

    Returns:
        Name of the recording without `.wav` to the share of listeners, 0 to 1.

    Raises:
        DataError: When the file cannot be read or is not that table.
    """
    try:
        lines = path.read_text(encoding="latin-1").splitlines()
    except OSError as error:
        raise DataError(
            "the listening test cannot be read",
            given=f"{path} ({error.strerror})",
            accepted=f"{RECOGNITION}, as it is released with EMO-DB",
        ) from error
    rates = {}
    for number, cells in enumerate(csv.reader(lines[1:], delimiter="\t"), start=2):
        try:
            _, name, recognised, *_ = (cell.replace("\xa0", " ").strip() for cell in cells)
            rate = float(recognised.replace(",", ".")) / 100
            if not name.endswith(".wav") or not 0 <= rate <= 1:
                raise ValueError(f"{name!r}, {recognised!r}")
        except ValueError as error:
            raise DataError(
                "the listening test holds a line that does not fit",
                given=f"{path}, line {number} ({error})",
                accepted="number, file name, percent recognised, percent natural",
            ) from error
        rates[name.removesuffix(".wav")] = rate
    return rates


def score_listeners(
    utterances: Sequence[Utterance],
    rates: Mapping[str, float],
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> ListenerScores:
    """Score listeners on the recordings of a corpus.

    Raises:
        DataError: Without recordings, or when the test lacks one.
    """
    missing = [u.utterance_id for u in utterances if u.utterance_id not in rates]
    if missing or not utterances:
        raise DataError(
            "the listening test lacks recordings of the corpus",
            given=f"{len(missing)}, such as {', '.join(missing[:3])}" if missing else "none given",
        )
    speakers = sorted({u.speaker for u in utterances})
    emotions = sorted({u.emotion for u in utterances})
    sums = np.zeros((len(speakers), len(emotions), 2))  # (speaker, emotion, recognised and all)
    for u in utterances:
        place = speakers.index(u.speaker), emotions.index(u.emotion)
        sums[place] += (rates[u.utterance_id], 1)
    recall = sums.sum(axis=0)[:, 0] / sums.sum(axis=0)[:, 1]
    wa, ua = _ratios(sums.sum(axis=0))
    wa_interval = ua_interval = None
    if len(speakers) > 1:
        draws = draw_speakers(len(speakers), n_resamples, seed)
        resampled = _ratios(np.tensordot(draws, sums, axes=1))  # (ratio, resample)
        wa_interval, ua_interval = (percentile_limits(values, 0.95) for values in resampled)
    return ListenerScores(
        len(utterances),
        len(speakers),
        float(wa),
        float(ua),
        wa_interval,
        ua_interval,
        dict(zip(emotions, recall.tolist(), strict=True)),
    )


def _ratios(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return WA and UA of sums, (..., emotion, 2) to (ratio, ...); absent emotions are left out."""
    recognised, every = sums[..., 0], sums[..., 1]
    present = every > 0
    recall = np.divide(recognised, every, out=np.zeros_like(every), where=present)
    wa = recognised.sum(axis=-1) / every.sum(axis=-1)
    return np.stack([wa, recall.sum(axis=-1) / present.sum(axis=-1)])
