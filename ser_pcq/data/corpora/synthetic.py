"""A made-up corpus: speech-like sounds whose emotion lies in pitch, pace, effort and timbre.

It needs no download and no licence, is the same on every machine for the same seed, and is easy:
a network that cannot learn it has a fault. It says nothing about accuracy on human speech.

Layout: `wav/<speaker>_<label>_<nn>.wav`, 16 kHz mono PCM_16, 1.0 to 2.5 s. Speakers are
`m01`, `f02`, `m03` and so on.

Each recording is a row of syllables of a random vowel: a sum of the harmonics of a gliding pitch,
weighted with the resonances (formants) of the vowel and the tilt of the voice. It is added up
harmonic by harmonic, which needs no filters and has no start-up transients.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ser_pcq.data.corpora.corpus import Corpus
from ser_pcq.data.prepared import Prepared
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError, suggest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz


@dataclass(frozen=True)
class Style:
    """How an emotion sounds.

    Attributes:
        pitch: Mean pitch, as a multiple of the speaker's own.
        pitch_range: Half the width of the pitch movement, as a fraction of the pitch.
        rate: Syllables per second.
        level: Peak of full scale.
        tilt: Fall of the harmonics, dB per octave: a pressed voice falls less.
        attack: Part of a syllable in which it swells.
        breath: Level of the noise against the voice.
    """

    pitch: float
    pitch_range: float
    rate: float
    level: float
    tilt: float
    attack: float
    breath: float


STYLES = {
    "anger": Style(1.45, 0.30, 5.5, 0.80, 5.0, 0.08, 0.03),
    "happiness": Style(1.70, 0.45, 4.5, 0.60, 8.0, 0.25, 0.02),
    "neutral": Style(1.10, 0.12, 4.0, 0.40, 11.0, 0.25, 0.02),
    "sadness": Style(0.90, 0.05, 2.3, 0.20, 17.0, 0.45, 0.10),
}
"""Label to sound."""

_VOWELS = (
    (750, 1250, 2600),
    (450, 1900, 2600),
    (300, 2200, 2900),
    (450, 850, 2500),
    (320, 750, 2400),
)
"""Formants of a, e, i, o, u in Hz, for a tall speaker."""

_CONTROL = 80  # samples between two values of what moves slowly: 5 ms
_HIGHEST = 4_500  # Hz; harmonics above add little to the voice, and much to the time it takes

_NAME = re.compile(r"(?P<speaker>(?P<gender>[mf])(?P<number>\d{2,}))_(?P<emotion>[a-z]+)_\d{2,}")


@dataclass(frozen=True)
class _Voice:
    """What stays the same in all recordings of a speaker: pitch in Hz, and formants by size."""

    pitch: float
    size: float


def _speaker(number: int) -> str:
    """Return the id of a speaker, from 1; odd ones are male."""
    return f"{'m' if number % 2 else 'f'}{number:02d}"


def _make_voice(number: int, rng: "np.random.Generator") -> _Voice:
    low, high, size = (95, 130, 1.0) if number % 2 else (175, 220, 1.15)
    return _Voice(rng.uniform(low, high), size * rng.uniform(0.96, 1.04))


def _sing(
    pitch: "NDArray[np.float64]", formants: "NDArray[np.float64]", tilt: float
) -> "NDArray[np.float64]":
    """Add up the harmonics of a voice.

    Args:
        pitch: Hz, (frame,), one frame each `_CONTROL` samples.
        formants: Hz, (frame, formant).
        tilt: dB per octave.

    Returns:
        (time,), not scaled.
    """
    import numpy as np

    frames = np.arange(len(pitch)) * _CONTROL
    times = np.arange(len(pitch) * _CONTROL)
    cycle = np.exp(2j * np.pi * np.cumsum(np.interp(times, frames, pitch)) / SAMPLE_RATE)
    harmonic = np.ones_like(cycle)
    voice = np.zeros(len(times))
    bandwidth = 60 + 0.06 * formants
    for k in range(1, int(_HIGHEST / pitch.min()) + 1):
        harmonic *= cycle
        away = (k * pitch[:, None] - formants) / bandwidth  # (frame, formant)
        gain = (1 / (1 + away**2)).sum(axis=1) + 0.02
        gain *= k ** (-tilt / 6.02) * (k * pitch < _HIGHEST)
        voice += harmonic.imag * np.interp(times, frames, gain)
    return voice


def _speak(style: Style, voice: _Voice, rng: "np.random.Generator") -> "NDArray[np.float64]":
    """Make one recording; (time,) within full scale."""
    import numpy as np

    duration = rng.uniform(1.0, 2.5)
    n_frames = int(duration * SAMPLE_RATE / _CONTROL)
    n_syllables = max(2, round(duration * style.rate * rng.uniform(0.9, 1.1)))
    position = np.linspace(0, n_syllables, n_frames, endpoint=False)  # in syllables

    targets = rng.uniform(-1, 1, n_syllables + 1)
    falling = np.linspace(1.05, 0.95, n_frames)  # pitch sinks towards the end of a sentence
    moving = 1 + style.pitch_range * np.interp(position, np.arange(n_syllables + 1), targets)
    pitch = voice.pitch * style.pitch * rng.uniform(0.95, 1.05) * falling * moving

    vowels = rng.integers(len(_VOWELS), size=n_syllables)
    formants = np.array(_VOWELS, dtype=float)[vowels] * voice.size  # (syllable, formant)
    middles = np.arange(n_syllables) + 0.5
    glides = np.stack([np.interp(position, middles, f) for f in formants.T], axis=1)

    sound = _sing(pitch, glides, style.tilt)
    within = position % 1
    swell = np.clip(np.minimum(within / style.attack, (1 - within) / 0.3), 0, 1)
    loudness = np.interp(np.arange(len(sound)), np.arange(n_frames) * _CONTROL, swell**1.5)
    noise = rng.normal(size=len(sound)) * style.breath
    sound = (sound / np.abs(sound).max() + noise) * loudness
    peak = style.level * rng.uniform(0.85, 1.15)
    scaled: NDArray[np.float64] = sound * (peak / np.abs(sound).max())
    return scaled


def generate(
    out_dir: Path,
    *,
    seed: int = 0,
    speakers: int = 4,
    per_class: int = 3,
    labels: Sequence[str] = ("anger", "neutral", "sadness"),
) -> Path:
    """Make the corpus; existing recordings of the same names are replaced.

    Args:
        out_dir: Corpus directory.
        seed: From 0. A recording depends on it and on its own name only, so that a larger corpus
            holds the smaller one.
        speakers: How many, from 1.
        per_class: Recordings of each label by each speaker, from 1.
        labels: Some of `STYLES`.

    Returns:
        `out_dir`.

    Raises:
        DataError: When a value does not fit, or the folder holds other recordings, which would
            become part of the corpus.
    """
    if min(speakers, per_class) < 1 or seed < 0 or not labels:
        given = f"speakers {speakers}, per_class {per_class}, seed {seed}, {len(labels)} labels"
        raise DataError("nothing can be generated", given=given, accepted="1 or more; seed from 0")
    for label in labels:
        if label not in STYLES:
            raise DataError("no such synthetic emotion", given=label, do=suggest(label, STYLES))
    wanted = {
        f"{_speaker(number)}_{label}_{take:02d}.wav": (number, label, take)
        for number in range(1, speakers + 1)
        for label in labels
        for take in range(1, per_class + 1)
    }
    folder = Path(out_dir) / "wav"
    others = sorted({p.name for p in folder.glob("*.wav")} - set(wanted))
    if others:
        raise DataError(
            "the folder holds recordings that are not part of this corpus",
            given=f"{folder / others[0]} ({len(others)} in all)",
            do="generate into an empty folder",
        )
    # The array and audio libraries are slow to import, and only this function needs them.
    import numpy as np
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    for name, (number, label, take) in wanted.items():
        voice = _make_voice(number, np.random.default_rng([seed, number]))
        rng = np.random.default_rng([seed, number, zlib.crc32(label.encode()), take])
        sound = _speak(STYLES[label], voice, rng)
        soundfile.write(folder / name, sound, SAMPLE_RATE, subtype="PCM_16")
    return Path(out_dir)


def prepare(corpus_dir: Path) -> Prepared:
    """Read a generated corpus.

    Raises:
        DataError: When there are no recordings, or the name of one does not follow the layout.
    """
    accepted = "wav/<speaker>_<label>_<nn>.wav, as in wav/m01_anger_01.wav"
    wavs = sorted(p for p in (corpus_dir / "wav").glob("*.wav") if not p.name.startswith("."))
    if not wavs:
        raise DataError(
            "no synthetic recordings found",
            given=corpus_dir,
            accepted=accepted,
            do=f"make them: ser-data generate synthetic {corpus_dir}",
        )
    utterances = []
    for path in wavs:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise DataError("the file name is not one of the corpus", given=path, accepted=accepted)
        utterances.append(
            Utterance(
                utterance_id=path.stem,
                audio=path,
                speaker=match["speaker"],
                emotion=match["emotion"],
                gender=match["gender"],
            )
        )
    return Prepared(utterances)


CORPUS = Corpus(
    name="synthetic",
    title="Synthetic",
    prepare=prepare,
    language="none",
    licence="yours: the command makes it",
    size="as many as asked for",
    labels=("anger", "neutral", "sadness"),
    protocol="leave one speaker out",
    home="made by `ser-data generate synthetic`",
    citation="none",
)
