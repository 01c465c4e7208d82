"""What can be wrong with the audio of an utterance, found by decoding it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.audio.decoder import opened
from ser_pcq.audio.fingerprint import AudioPrint, audio_print
from ser_pcq.audio.headers.truncated import missing_audio
from ser_pcq.audio.headers.understated import understated
from ser_pcq.audio.signal_faults import SignalMeter
from ser_pcq.audio.waveform import SAMPLE_RATE, SILENCE_PEAK, duration, read_waveform
from ser_pcq.data.directory.values import SEGMENT_SLACK
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import AudioError, Reason

STOPPING = frozenset(
    {"missing", "not-regular", "unreadable", "empty", "not-finite", "too-short", "bad-range"}
    | {"bad-segment", "crashed", "timeout"}
)
"""Kinds of findings that stop training, or that `ser-data validate` refuses anyway."""

_LOST = 0.01  # s of a segment that a recording cut off before its end lacks


@dataclass(frozen=True)
class Finding:
    """One thing that was found in an utterance.

    Attributes:
        kind: One of `STOPPING`; or `silent`, `clipped`, `truncated`, `longer-than-stated`, `quiet`,
            `offset`, `over-scale`, `cancelling-channels`, `channels-differ`, `duplicate`,
            `near-duplicate`, `overlap`.
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


def _measured(utterance: Utterance, duration: float) -> SignalMeter:
    """Measure an utterance of known length, s, as it was stored."""
    with opened(utterance.audio) as file:
        meter = SignalMeter(file.channels, file.rate)
        # Not as far as the header says, which may be anything.
        n_frames = round(duration * file.rate)
        for block in file.blocks(round((utterance.start or 0.0) * file.rate), n_frames):
            meter.add(block)
    return meter


def kind_of(reason: Reason) -> str:
    """Return a reason's word, as kinds of findings are written."""
    return reason.word.replace("_", "-")


def _faults(meter: SignalMeter) -> list[tuple[str, str]]:
    """Return kind and detail of each fault."""
    if meter.is_silent:
        return [("silent", f"no sample is further than {SILENCE_PEAK:g} from the mean")]
    named = {"mostly_silent": "silent"}
    return [(named.get(f.word, kind_of(f)), f.sentence) for f in meter.faults()]


def _cut_off(path: Path) -> str | None:
    """Say what is missing at the end of a recording; None when nothing is known to be."""
    # Reading the audio finds other faults; and opening a pipe would wait for ever.
    if not path.is_file():
        return None
    try:
        if missing := missing_audio(path):
            return missing
        with path.open("rb") as file:
            is_flac = file.read(4) == b"fLaC"
    except OSError:
        return None
    if not is_flac:
        return None
    # FLAC says how many samples it has, not how many bytes: the last one has to be there.
    try:
        with opened(path) as flac:
            # A stream of unknown length has no last sample.
            if flac.n_frames:
                list(flac.blocks(flac.n_frames - 1))
    except AudioError:
        return "the decoder stops before the last sample that the header promises"
    return None


def _beyond_stated(path: Path) -> tuple[str, float] | None:
    """Say what a recording holds beyond what its header states, and from when on, s."""
    try:
        longer = understated(path)
        return None if longer is None else (str(longer), longer.share * duration(path))
    except (AudioError, OSError):
        return None  # reading the audio finds other faults


def inspect_recording(utterances: Sequence[Utterance]) -> list[Inspection]:
    """Decode the utterances of one recording, and say what is wrong with each.

    An utterance is read as training reads it (`ser_pcq.audio.waveform.read_waveform`), and once
    more as it is stored: clipping shows only before resampling. Of a recording that was cut off
    only the utterances that lose something are reported, and of one that is longer than its header
    states those that reach beyond it.

    Args:
        utterances: All of one file.

    Returns:
        What was found, in the same order.
    """
    missing = _cut_off(utterances[0].audio)
    longer = _beyond_stated(utterances[0].audio)
    return [
        _inspect(u, missing, longer[0] if longer and (u.end is None or u.end > longer[1]) else None)
        for u in utterances
    ]


def _inspect(u: Utterance, missing: str | None, longer: str | None) -> Inspection:
    """Decode one utterance.

    Args:
        u: The utterance.
        missing: What its recording lacks at its end.
        longer: What its recording holds beyond what the header states, where it reaches that far.
    """
    found = []
    waveform = None
    lacks = 0.0
    try:
        waveform = read_waveform(u.audio, start=u.start, end=u.end)
    except AudioError as error:
        found.append((kind_of(error.reason), str(error)))
    else:
        duration = len(waveform) / SAMPLE_RATE
        lacks = 0.0 if u.end is None else u.end - (u.start or 0.0) - duration
        found += _faults(_measured(u, duration))
    if missing and (waveform is None or u.end is None or lacks > _LOST):
        found.append(("truncated", missing))
    if longer:
        found.append(("longer-than-stated", longer))
    if lacks > SEGMENT_SLACK:
        found.append(("bad-segment", f"reaches {lacks:.2f} s beyond the end of its recording"))
    silent = any(kind == "silent" for kind, _ in found)
    findings = tuple(Finding(kind, u.utterance_id, detail) for kind, detail in found)
    if waveform is None or silent:
        return Inspection(findings, None)
    return Inspection(findings, audio_print(u.utterance_id, waveform))
