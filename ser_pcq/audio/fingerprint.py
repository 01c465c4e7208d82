"""Fingerprints of audio: the same recording is found again, under any name and in any format.

A recording on both sides of a split is known to the model before the test, under any name.
`audio_print` reduces a recording to a hash of its samples and to 40 codes a second (160 bytes), in
the manner of J. Haitsma and T. Kalker, "A Highly Robust Audio Fingerprinting System", ISMIR 2002,
section 4.2: a bit is the sign of how the difference of two neighbouring bands changes from frame to
frame. `find_copies` finds the pairs that share a stretch of such codes.

What differs from the paper, and why: logarithms of the bands, so that a telephone or an equaliser,
which multiplies a band, changes little; bands from 300 to 3,000 Hz, which a telephone lets through;
windows of 256 ms and a step of 25 ms, since utterances are short, and the frames of a cut copy
never line up: a step of 32 ms brings noisy copies half the way to unrelated audio.

Found: other formats, rates and levels, codecs at low rates, a telephone, clipping by 6 dB, an
offset, noise down to 20 dB, a speed within 1 %, and parts, in longer recordings too, from 0.7 s of
common sound. Not to be relied on: clipping by 12 dB (99 of 100 found), a part of 0.6 s (9 of 10),
a speed changed by 2 % (6 of 7), noise of 10 dB (4 of 5), a tempo changed by 10 % (1 of 7). Not
found: a part under 0.46 s, a speed changed by 4 %, a pitch changed by a semitone. The same words
said again are not a copy. All this is measured on EMO-DB; made-up sounds suffer more from noise.

Error rates of the best run of codes, for EMO-DB's 142,845 pairs and for altered copies of its 535
recordings, and what `find_copies` allows:

| codes | allowed | two recordings: lowest, median | cut or resampled: highest | 20 dB: highest |
| --- | --- | --- | --- | --- |
| 12 | 0.094 | 0.190, 0.370 | 0.091 | 0.151 |
| 20 | 0.169 | 0.219, 0.405 | 0.100 | 0.183 |
| 40 | 0.225 | 0.263, 0.441 | 0.115 | 0.221 |

The longer the run, the more errors are forgiven. `benchmarks/fingerprint.py` measures it again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.fingerprint_match import Stretch, shared_stretches
from ser_pcq.audio.waveform import SAMPLE_RATE, SILENCE_PEAK
from ser_pcq.errors import AudioError, DataError
from ser_pcq.files import whole_file

WINDOW = 4096
"""Samples that a frame is made from: 256 ms. Longer ones forgive more misalignment."""

STEP = 400
"""Samples from frame to frame: 25 ms."""

FORMAT = "ser-pcq-prints/1"
"""What a file of prints calls itself; another one whenever the codes of a recording change."""

_EDGES = np.rint(np.geomspace(300, 3000, 34) * WINDOW / SAMPLE_RATE).astype(int)  # of 33 bands
_FLOOR = 1e-6  # of the loudest frame: 60 dB below it nothing counts
_STILL = 0.1  # mean change of the 32 differences, nepers, below which a frame carries nothing


@dataclass(frozen=True, eq=False)
class AudioPrint:
    """What a recording is recognised by.

    Attributes:
        utterance_id: Its name.
        digest: SHA-256 of the float32 samples at 16 kHz, the first 32 hexadecimal digits.
        codes: (frame,), uint32, one each 25 ms; 0 where the sound does not change or is missing.
            Empty for less than 0.3 s.
    """

    utterance_id: str
    digest: str
    codes: NDArray[np.uint32]


@dataclass(frozen=True)
class Copy:
    """Two recordings that share audio.

    Attributes:
        a: Utterance id of the first.
        b: Utterance id of the second.
        kind: `same` when all samples are, in silence too; `nearly the same` when a stretch is.
        offset: Where b begins in a, s, to 25 ms; negative when a begins in b.
        duration: Length of the stretch that was compared, s.
        error_rate: Share of the bits that differ in that stretch, from 0 to below 0.28.
    """

    a: str
    b: str
    kind: Literal["same", "nearly the same"]
    offset: float
    duration: float
    error_rate: float


def audio_print(utterance_id: str, samples: NDArray[np.floating]) -> AudioPrint:
    """Compute the fingerprint of a recording.

    Args:
        utterance_id: Its name.
        samples: (time,) at 16 kHz, as `read_waveform` returns them.

    Raises:
        AudioError: With the reason `empty`, `not_finite` or `not_mono`.
    """
    # A sum with 0 makes -0 a 0, which sounds the same and must have the same hash.
    samples = np.asarray(samples, dtype=np.float32) + np.float32(0)
    if samples.ndim != 1:
        raise AudioError(
            "not_mono",
            "a print is taken of one channel",
            given=f"{samples.shape} of {utterance_id}",
            accepted="(time,)",
        )
    if not samples.size:
        raise AudioError("empty", "no print can be taken of no samples", given=utterance_id)
    if not np.isfinite(samples).all():
        raise AudioError(
            "not_finite",
            "the audio has samples that are not numbers (NaN or infinite)",
            given=utterance_id,
            do="export it again, as 16-bit PCM",
        )
    digest = hashlib.sha256(samples.astype("<f4").tobytes()).hexdigest()[:32]
    return AudioPrint(utterance_id, digest, _codes(samples))


def _codes(samples: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return the codes, (frame,), of a waveform, (time,)."""
    n_frames = (len(samples) - WINDOW) // STEP + 1
    if n_frames < 2 or np.abs(samples - samples.mean()).max() < SILENCE_PEAK:
        return np.zeros(max(0, n_frames - 1), dtype=np.uint32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP]
    window = np.hanning(WINDOW)
    energies = []
    # In blocks, because frames overlap tenfold and a recording may last an hour.
    for first in range(0, n_frames, 256):
        spectrum = np.fft.rfft(frames[first : first + 256] * window)[:, : _EDGES[-1]]
        power = spectrum.real**2 + spectrum.imag**2
        energies.append(np.add.reduceat(power, _EDGES[:-1], axis=1))
    energy = np.concatenate(energies)  # (frame, band)
    floor = max(_FLOOR * energy.sum(axis=1).max() / energy.shape[1], 1e-12)
    change = np.diff(np.diff(np.log(energy + floor), axis=1), axis=0)  # (frame - 1, 32)
    codes = np.packbits(change > 0, axis=1).view(">u4")[:, 0].astype(np.uint32)
    # 0 is kept for frames that carry nothing, which else would agree wherever it is silent.
    return np.where(np.abs(change).mean(axis=1) < _STILL, 0, np.maximum(codes, 1)).astype(np.uint32)


def find_copies(
    prints: Sequence[AudioPrint], others: Sequence[AudioPrint] | None = None
) -> list[Copy]:
    """Find all pairs of recordings that are the same or share a stretch of nearly the same audio.

    Where two codes nearly agree, the recordings are laid over each other, and each frame in which
    both have a code counts 9 less the wrong bits (`fingerprint_match`). The best stretch has to
    reach 72: 8 codes without an error, or 18 with 5 each. A pair is named once. Codes that are
    in more than 1,000 places, of a beep before each recording, say, are not searched for.

    Args:
        prints: The recordings, each with its own id.
        others: When given, only pairs of one recording of `prints` and one of `others` are sought,
            else pairs within `prints`.

    Returns:
        The pairs, in the order of the recordings given.

    Raises:
        DataError: When an id is in one list twice.
    """
    rows, columns = list(prints), list(prints if others is None else others)
    for side in (rows, columns):
        _refuse_repeated(side)
    # Recordings with the same samples have the same codes: one of them is compared for all.
    alike: dict[str, tuple[list[int], list[int]]] = {}
    for k, side in enumerate((rows, columns)):
        for index, item in enumerate(side):
            alike.setdefault(item.digest, ([], []))[k].append(index)
    members = list(alike.values())
    codes = [rows[r[0]].codes if r else columns[c[0]].codes for r, c in members]

    stretches = [Stretch(i, i, 0, len(one), 0.0) for i, one in enumerate(codes)]
    sides = np.array([[bool(r), bool(c)] for r, c in members], dtype=bool).reshape(-1, 2)
    for i, j, offset, length, rate in shared_stretches(codes, sides):
        stretches += [Stretch(i, j, offset, length, rate), Stretch(j, i, -offset, length, rate)]
    found: dict[tuple[int, int], Copy] = {}
    for i, j, offset, length, rate in stretches:
        seconds = (length * STEP + WINDOW) / SAMPLE_RATE if length else 0.0
        for a, b in product(members[i][0], members[j][1]):
            if others is not None or a < b:
                found[a, b] = Copy(
                    rows[a].utterance_id,
                    columns[b].utterance_id,
                    "same" if i == j else "nearly the same",
                    offset * STEP / SAMPLE_RATE,
                    round(seconds, 3),
                    round(rate, 4),
                )
    return [found[pair] for pair in sorted(found)]


def _refuse_repeated(prints: Sequence[AudioPrint]) -> None:
    """Raise a `DataError` when an utterance id occurs twice."""
    (name, times), *_ = Counter(p.utterance_id for p in prints).most_common(1) or [("", 0)]
    if times > 1:
        raise DataError(
            "an utterance id is in a list of prints twice",
            given=name,
            do="give each recording its own id",
        )


def save_prints(path: Path, prints: Sequence[AudioPrint]) -> None:
    """Write prints as one safetensors file: 160 bytes per second of audio, 40 per recording.

    Raises:
        DataError: When an id occurs twice.
    """
    from safetensors.numpy import save_file

    _refuse_repeated(prints)
    tensors = {
        "codes": np.concatenate([*(p.codes for p in prints), np.zeros(0, dtype=np.uint32)]),
        "digests": np.frombuffer(bytes.fromhex("".join(p.digest for p in prints)), dtype=np.uint8),
        "lengths": np.array([len(p.codes) for p in prints], dtype=np.uint32),
    }
    # One entry: of several, safetensors leaves the order to chance, and equal prints shall give
    # equal bytes.
    about = {"format": FORMAT, "utterance_ids": [p.utterance_id for p in prints]}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={"prints": json.dumps(about)})


def load_prints(path: Path) -> list[AudioPrint]:
    """Read what `save_prints` wrote.

    Raises:
        DataError: When the file is missing, damaged or of a foreign format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get("prints", "{}"))
            if about.get("format") != FORMAT:
                raise DataError(
                    "the file holds no prints of this version",
                    given=f"{about.get('format')} in {path}",
                    accepted=FORMAT,
                    do="take the prints of the recordings again",
                )
            codes, lengths = file.get_tensor("codes"), file.get_tensor("lengths")
            digests = file.get_tensor("digests").tobytes().hex()
        names = [str(name) for name in about["utterance_ids"]]
        ends = np.cumsum(lengths, dtype=np.int64)
        if codes.dtype != np.uint32 or codes.shape != (ends[-1] if len(ends) else 0,):
            raise ValueError("codes are missing")
        each = zip(names, range(0, len(digests), 32), ends - lengths, ends, strict=True)
        return [
            AudioPrint(name, digests[k : k + 32], codes[first:last])
            for name, k, first, last in each
        ]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "the prints cannot be read",
            given=f"{path} ({error})",
            do="take the prints of the recordings again",
        ) from error
