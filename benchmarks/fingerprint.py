"""Measure how many copies of recordings `ser_pcq.audio.fingerprint` finds, and how fast.

Each recording of a folder is altered in each way and looked for among all of them. Then the
recordings at 19 speeds, 19 times as many different ones, are compared with one another.
Prints two tables in Markdown.

    python benchmarks/fingerprint.py FOLDER
"""

import argparse
import io
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ser_pcq.audio.find import find_audio
from ser_pcq.audio.fingerprint import STEP, audio_print, find_copies
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform

Samples = NDArray[np.floating]
Alteration = Callable[[Samples, np.random.Generator], Samples]


def recode(samples: Samples, container: str, subtype: str, **options: float) -> Samples:
    """Encode and decode; (time,)."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLE_RATE, format=container, subtype=subtype, **options)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def telephone(samples: Samples) -> Samples:
    """Send through a digital telephone line: 8 kHz, µ-law."""
    narrow = soxr.resample(samples, SAMPLE_RATE, SAMPLE_RATE // 2)
    return soxr.resample(recode(narrow, "WAV", "ULAW"), SAMPLE_RATE // 2, SAMPLE_RATE)


def noisy(samples: Samples, ratio: float, rng: np.random.Generator) -> Samples:
    """Add white noise at a ratio of signal to noise, dB."""
    return samples + rng.normal(size=len(samples)) * samples.std() * 10 ** (-ratio / 20)


def louder(samples: Samples, gain: float) -> Samples:
    """Scale by `gain` times the peak and clip to 16 bits."""
    scaled = samples * (gain / np.abs(samples).max())
    return recode(np.clip(scaled, -1, 1), "WAV", "PCM_16")


def faster(samples: Samples, factor: float) -> Samples:
    """Change speed and pitch together."""
    return soxr.resample(samples, factor * 1000, 1000)


def stretched(samples: Samples, factor: float) -> Samples:
    """Change the tempo and not the pitch."""
    import librosa

    return librosa.effects.time_stretch(samples, rate=factor)


def shifted(samples: Samples, semitones: float) -> Samples:
    """Change the pitch and not the tempo."""
    import librosa

    return librosa.effects.pitch_shift(samples, sr=SAMPLE_RATE, n_steps=semitones)


CUT = int(0.3 * SAMPLE_RATE)

FOUND: dict[str, Alteration] = {
    "FLAC": lambda x, rng: recode(x, "FLAC", "PCM_16"),
    "Vorbis": lambda x, rng: recode(x, "OGG", "VORBIS"),
    "Vorbis, lowest quality": lambda x, rng: recode(x, "OGG", "VORBIS", compression_level=0.95),
    "MP3": lambda x, rng: recode(x, "MP3", "MPEG_LAYER_III"),
    "MP3, lowest quality": lambda x, rng: recode(
        x, "MP3", "MPEG_LAYER_III", compression_level=0.95
    ),
    "µ-law, 8 kHz": lambda x, rng: telephone(x),
    "resampled to 44.1 kHz and back": lambda x, rng: soxr.resample(
        soxr.resample(x, SAMPLE_RATE, 44_100), 44_100, SAMPLE_RATE
    ),
    "-20 dB": lambda x, rng: louder(x, 0.1 * np.abs(x).max()),
    "clipped by 6 dB": lambda x, rng: louder(x, 2),
    "0.3 s off the start": lambda x, rng: x[CUT:],
    "0.3 s off the end": lambda x, rng: x[:-CUT],
    "0.3 s off both ends": lambda x, rng: x[CUT:-CUT],
    "middle 60 %": lambda x, rng: x[len(x) // 5 : -(len(x) // 5)],
    "silence before and after": lambda x, rng: np.pad(x, (rng.integers(SAMPLE_RATE), CUT)),
    "offset of 0.05": lambda x, rng: x + 0.05,
    "noise, 30 dB": lambda x, rng: noisy(x, 30, rng),
    "noise, 20 dB": lambda x, rng: noisy(x, 20, rng),
    "part of a longer recording": lambda x, rng: np.concatenate([x[::-1], x, x[::-1]]),
    "speed × 0.99": lambda x, rng: faster(x, 0.99),
    "telephone, cut, MP3": lambda x, rng: recode(
        telephone(x[CUT // 2 : -CUT // 2]), "MP3", "MPEG_LAYER_III"
    ),
}
"""Copies that should be found."""

OTHERS: dict[str, Alteration] = {
    "clipped by 12 dB": lambda x, rng: louder(x, 4),
    "noise, 10 dB": lambda x, rng: noisy(x, 10, rng),
    "speed × 0.98": lambda x, rng: faster(x, 0.98),
    "part of 0.7 s": lambda x, rng: x[len(x) // 4 :][: int(0.7 * SAMPLE_RATE)],
    "part of 0.6 s": lambda x, rng: x[len(x) // 4 :][: int(0.6 * SAMPLE_RATE)],
    "speed × 0.9": lambda x, rng: faster(x, 0.9),
    "speed × 1.1": lambda x, rng: faster(x, 1.1),
    "tempo × 0.9": lambda x, rng: stretched(x, 0.9),
    "tempo × 1.1": lambda x, rng: stretched(x, 1.1),
    "pitch, 1 semitone up": lambda x, rng: shifted(x, 1),
    "pitch, 1 semitone down": lambda x, rng: shifted(x, -1),
}
"""Copies that need not be found."""


def altered(samples: Samples, alteration: str, seed: int) -> Samples:
    """Alter a recording and cut up to a step off, so that frames do not line up by chance."""
    rng = np.random.default_rng(seed)
    copy = {**FOUND, **OTHERS}[alteration](samples, rng)
    return copy if alteration == "FLAC" else copy[rng.integers(STEP) :]


def measure_copies(recordings: dict[str, Samples]) -> None:
    """Print how many copies of each kind are found."""
    prints = [audio_print(name, samples) for name, samples in recordings.items()]
    print(f"{len(prints)} recordings; pairs among themselves: {len(find_copies(prints))}\n")
    print("| copy | found | error rate: median, highest | pairs of others |")
    print("| --- | --- | --- | --- |")
    for alteration in FOUND | OTHERS:
        copies = [
            audio_print(name, altered(samples, alteration, seed))
            for seed, (name, samples) in enumerate(recordings.items())
        ]
        pairs = find_copies(prints, copies)
        rates = [pair.error_rate for pair in pairs if pair.a == pair.b]
        figures = f"{np.median(rates):.3f}, {max(rates):.3f}" if rates else "–"
        share = f"{len(rates) / len(prints):.1%}"
        print(f"| {alteration} | {share} | {figures} | {len(pairs) - len(rates)} |", flush=True)


def measure_time(recordings: dict[str, Samples]) -> None:
    """Print the time that many recordings take, and the memory."""
    prints, seconds, duration = [], 0.0, 0.0
    for k in range(19):
        for name, samples in recordings.items():
            slow = faster(samples, 1.045**-k)
            start = time.process_time()
            prints.append(audio_print(f"{k} {name}", slow))
            seconds += time.process_time() - start
            duration += len(slow) / SAMPLE_RATE
    start = time.process_time()
    pairs = find_copies(prints)
    taken = time.process_time() - start
    false = sum(pair.a.split()[1] != pair.b.split()[1] for pair in pairs)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("\n| recordings | mean length | prints | pairs | of different ones | peak memory |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(
        f"| {len(prints)} | {duration / len(prints):.1f} s | {seconds:.0f} s | {taken:.0f} s "
        f"| {false} | {memory:.0f} MB |"
    )


def main() -> None:
    """Measure on the recordings of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the recordings are")
    paths = find_audio([parser.parse_args().folder])
    recordings = {path.name: read_waveform(path) for path in paths}
    # librosa warns about parts shorter than its window, which is harmless here.
    warnings.simplefilter("ignore")
    measure_time(recordings)
    measure_copies(recordings)


if __name__ == "__main__":
    main()
