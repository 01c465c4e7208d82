"""What can be wrong with the audio of an utterance, found by decoding it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio import SAMPLE_RATE, SILENCE_PEAK, read_waveform, refuse_silence
from ser_pcq.container import missing_audio
from ser_pcq.errors import AudioError
from ser_pcq.fingerprint import AudioPrint, audio_print
from ser_pcq.kaldi_values import SEGMENT_SLACK
from ser_pcq.utterance import Utterance

STOPPING = frozenset(
    {"missing", "not-regular", "unreadable", "empty", "not-finite", "too-short", "bad-range"}
    | {"bad-segment", "crashed"}
)
"""Kinds of findings that stop training, or that `ser-data validate` refuses anyway."""

ZERO_SHARE = 0.9
"""Share of samples that are exactly 0 beyond which hardly anything was recorded. EMO-DB's greatest
is 0.11; pauses that a noise gate has emptied stay well below."""

CLIP_RUN = 3
"""Samples in a row at the extreme that make a flat top; two are common by chance."""

CLIP_LEVEL = 0.5
"""Of full scale: a recording that was turned down by up to 6 dB after it was clipped is found."""

CLIP_PILE = 5
"""How many times as often the extreme occurs as the value next to it. Rounding gives a sine flat
tops as well, in 8 bits above all, but at most 3.4 times as many samples as just below."""

CLIP_SHARE = 0.0005
"""Share of samples on flat tops from which a recording is reported. Of EMO-DB, whose files are all
normalised to their peak, none has any; amplified by 3 dB 56 % are reported, by 6 dB 92 %."""

QUIET_PEAK = 0.01
"""Of full scale (-40 dB); 16-bit audio has 9 bits left there."""

OFFSET = 0.05
"""Distance of the mean from 0, of full scale or a peak beyond it; EMO-DB's greatest is 0.006."""

OVER_SCALE = 2.0
"""Peak, of full scale. Lossy formats overshoot by tenths; more are integers that nobody scaled."""

_LOST = 0.01  # s of a segment that a recording cut off before its end lacks


@dataclass(frozen=True)
class Finding:
    """One thing to be told of an utterance.

    Attributes:
        kind: One of `STOPPING`; or `silent`, `clipped`, `truncated`, `quiet`, `offset`,
            `over-scale`, `duplicate`, `near-duplicate`, `overlap`.
        utterance_id: Of which.
        detail: What was found, as a phrase.
        other: The utterance that this one is a duplicate of; None for other kinds.
        differs: What the two say differently: `speaker`, `emotion`.
    """

    kind: str
    utterance_id: str
    detail: str
    other: str | None = None
    differs: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether training would stop."""
        return self.kind in STOPPING


@dataclass(frozen=True)
class Inspection:
    """What decoding an utterance gave.

    Attributes:
        findings: Everything but duplicates.
        print: Its fingerprint; None where it cannot be read, or is silent.
    """

    findings: tuple[Finding, ...]
    print: AudioPrint | None


def zero_share(samples: NDArray[np.float32]) -> float:
    """Return the share of frames, 0 to 1, in which all channels are exactly 0.

    Args:
        samples: (time, channel).
    """
    return float((samples == 0).all(axis=1).mean()) if len(samples) else 0.0


def clipped_share(samples: NDArray[np.float32]) -> float:
    """Return the share of samples, 0 to 1, on flat tops; of the channel that has most.

    A flat top is a run of `CLIP_RUN` samples or more at the greatest or the least value of the
    channel, where that is at least `CLIP_LEVEL` and occurs `CLIP_PILE` times as often as the value
    next to it. What was resampled or compressed with losses after clipping has none.

    Args:
        samples: (time, channel), as decoded, at the rate of the file.
    """
    if not len(samples):
        return 0.0
    channels = samples.T
    counts = [_flat_tops(channel) + _flat_tops(-channel) for channel in channels]
    return max(counts, default=0) / len(samples)


def _flat_tops(channel: NDArray[np.float32]) -> int:
    """Count the samples on flat tops at the greatest value of a channel, (time,)."""
    top = channel.max()
    at_top = channel == top
    if top < CLIP_LEVEL or at_top.all():
        return 0
    below = channel[~at_top]
    if at_top.sum() < CLIP_PILE * (below == below.max()).sum():
        return 0
    steps = np.diff(at_top.astype(np.int8), prepend=0, append=0)
    runs = np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1)
    return int(runs[runs >= CLIP_RUN].sum())


def signal_faults(
    samples: NDArray[np.float32], waveform: NDArray[np.float32]
) -> list[tuple[str, str]]:
    """Judge audio that could be read.

    Args:
        samples: (time, channel), as decoded.
        waveform: (time,), what networks get of it: the mean of the channels, resampled.

    Returns:
        Kind and detail of each fault: `silent`, `clipped`, `quiet`, `offset`, `over-scale`.
    """
    peak = float(np.abs(samples).max(initial=0))
    try:
        refuse_silence(waveform)
    except AudioError:
        if np.abs(samples - samples.mean(axis=0)).max(initial=0) > 10 * SILENCE_PEAK:
            return [("silent", "its channels cancel one another out when they are averaged")]
        return [("silent", f"no sample is further than {SILENCE_PEAK:g} from the mean")]
    faults = []
    if (share := zero_share(samples)) > ZERO_SHARE:
        faults.append(("silent", f"{share:.1%} of the samples are exactly 0"))
    if (share := clipped_share(samples)) > CLIP_SHARE:
        faults.append(("clipped", f"{share:.2%} of the samples lie on flat tops"))
    if peak < QUIET_PEAK:
        faults.append(("quiet", f"the peak is {peak:.4f} of full scale"))
    if abs(mean := float(waveform.mean(dtype=np.float64))) > OFFSET * max(1.0, peak):
        faults.append(("offset", f"the mean is {mean:.3f} of full scale"))
    if peak > OVER_SCALE:
        faults.append(("over-scale", f"the peak is {peak:.6g} times full scale"))
    return faults


def _native_samples(utterance: Utterance, duration: float) -> NDArray[np.float32]:
    """Read an utterance of known length, s, as it was stored: (time, channel), its own rate."""
    import soundfile

    with soundfile.SoundFile(os.fsencode(utterance.audio)) as file:
        file.seek(round((utterance.start or 0.0) * file.samplerate))
        # Not as far as the header says, which may be anything.
        n_frames = round(duration * file.samplerate)
        return np.asarray(file.read(n_frames, dtype="float32", always_2d=True))


def _cut_off(path: Path) -> str | None:
    """Say what is missing at the end of a recording; None when nothing is known to be."""
    import soundfile

    # Whatever else is wrong, reading the audio tells it; and opening a pipe would wait for ever.
    if not path.is_file():
        return None
    try:
        if missing := missing_audio(path):
            return missing
        with path.open("rb") as file:
            is_flac = file.read(4) == b"fLaC"
    except OSError:
        return None
    if not is_flac or path.suffix.lower() == ".raw":  # which soundfile refuses by its name
        return None
    # FLAC says how many samples it has, not how many bytes: the last one has to be there.
    try:
        with soundfile.SoundFile(os.fsencode(path)) as flac:
            # A stream of unknown length has no last sample.
            if flac.frames < 1 << 40:
                flac.seek(flac.frames - 1)
                flac.read(1)
    except soundfile.SoundFileError:
        return "the decoder stops before the last sample that the header promises"
    return None


def inspect_recording(utterances: Sequence[Utterance]) -> list[Inspection]:
    """Decode the utterances of one recording, and say what is wrong with each.

    An utterance is read as training reads it (`ser_pcq.audio.read_waveform`), and once more as it
    is stored: clipping shows only before resampling. Of a recording that was cut off only the
    utterances that lose something are told.

    Args:
        utterances: All of one file.

    Returns:
        What was found, in the same order.
    """
    missing = _cut_off(utterances[0].audio)
    return [_inspect(utterance, missing) for utterance in utterances]


def _inspect(utterance: Utterance, missing: str | None) -> Inspection:
    """Decode one utterance; `missing` says what its recording lacks at its end."""
    u = utterance
    found = []
    waveform = None
    lacks = 0.0
    try:
        waveform = read_waveform(u.audio, start=u.start, end=u.end)
    except AudioError as error:
        found.append((error.reason.replace("_", "-"), str(error)))
    else:
        duration = len(waveform) / SAMPLE_RATE
        lacks = 0.0 if u.end is None else u.end - (u.start or 0.0) - duration
        found += signal_faults(_native_samples(u, duration), waveform)
    if missing and (waveform is None or u.end is None or lacks > _LOST):
        found.append(("truncated", missing))
    if lacks > SEGMENT_SLACK:
        found.append(("bad-segment", f"reaches {lacks:.2f} s beyond the end of its recording"))
    silent = any(kind == "silent" for kind, _ in found)
    findings = tuple(Finding(kind, u.utterance_id, detail) for kind, detail in found)
    if waveform is None or silent:
        return Inspection(findings, None)
    return Inspection(findings, audio_print(u.utterance_id, waveform))
