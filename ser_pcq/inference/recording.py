"""A recording read from a file: its waveform and its faults, or why it is refused.

Short recordings are decoded once and kept; long ones are decoded twice, once to look at them and
once to judge them, so that memory does not grow with their length.
"""

from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.channels import mono
from ser_pcq.audio.decoder import opened
from ser_pcq.audio.headers.truncated import missing_audio
from ser_pcq.audio.headers.understated import understated
from ser_pcq.audio.signal_faults import SignalMeter
from ser_pcq.audio.waveform import (
    SAMPLE_RATE,
    refuse_useless,
    resampled,
    resampled_blocks,
    silence,
)
from ser_pcq.errors import AudioError, Reason
from ser_pcq.inference.prediction import Status
from ser_pcq.inference.span import WHOLE, Span

LONGEST_WHOLE = 30.0
"""s; a longer recording is judged in windows."""

SHORT = 1.0
"""s; what is shorter gets a warning. The shortest recording of EMO-DB has 1.2 s."""

REASONS = {
    "missing": "the file does not exist, or is a link that leads nowhere",
    "unreadable": "it is not audio, is damaged, has an unsupported format, or may not be opened",
    "no_decoder": "it is media, and neither PyAV nor `ffmpeg` is there to decode it",
    "not_regular": "it is a pipe or a device",
    "empty": "it has no samples",
    "not_finite": "samples are not numbers (NaN or infinite)",
    "too_short": "it is under 0.1 s",
    "silent": "no sample is further than 0.0001 of full scale from the mean",
    "no_speech": "it is noise, hum, a tone, music, an animal or the like, or over 30 s of such",
    "unsure": "the confidence is under `--min-confidence`",
    "failed": "the model could not compute it, for lack of memory for example",
    "bad_range": "a list names a part that does not lie in the file",
    "bad_entry": "an entry of a list names no recording",
    "no_channel": "the recording does not have the channel that `--mix` names",
    "crashed": "the decoder ended the process that read it (with `--jobs`)",
    "timeout": "nothing happened for the seconds of `--timeout` (with `--jobs`)",
}
"""The words with which a result says why there is no answer, and what they mean."""

WARNINGS = {
    "truncated": "the file ends earlier than its header says; what it holds was judged",
    "longer_than_stated": "the file holds more audio than its header says; all of it was judged",
    "beyond_end": "a part that a list names ends behind its file; what is there was judged",
    "damaged": "something could not be decoded; what could be was judged",
    "short": "it is under 1 s; the embedded models learnt from recordings of 1.2 s and more",
    "narrow_band": "the sample rate is under 16 kHz, as on the phone: high frequencies are missing",
    "clipped": "more than 0.05 % of the samples lie on flat tops",
    "quiet": "the peak is under 0.01 of full scale",
    "offset": "the mean is further than 0.05 of full scale from 0",
    "over_scale": "the peak is over twice full scale; probably integers that were not scaled",
    "mostly_silent": "more than 90 % of the samples are exactly 0",
    "cancelling_channels": "channels cancel one another out; only the loudest was judged",
    "perhaps_no_speech": "it may be music, an animal, laughter or the like; see below",
    "channels_differ": "two channels hold different speech; `--mix split` judges each alone",
}
"""The words that make an answer doubtful, and what they mean."""


class Recording:
    """Audio that can be judged.

    Attributes:
        path: The file.
        duration: Its length as decoded, s.
        warnings: What makes an answer doubtful, with words from `WARNINGS`.
        waveform: All of it, (time,) at 16 kHz; None when it is longer than `LONGEST_WHOLE`.
        channel: The one that was asked for, from 1; None where all were mixed.
    """

    def __init__(
        self,
        path: Path,
        duration: float,
        warnings: tuple[Reason, ...],
        waveform: NDArray[np.float32] | None,
        chosen: int | None,
        channel: int | None = None,
        span: Span = WHOLE,
    ) -> None:
        self.path, self.duration, self.warnings = path, duration, warnings
        self.waveform, self.channel = waveform, channel
        self._file, self._span = path, span
        self._kept: object = None
        self._chosen = chosen if channel is None else channel - 1

    def named(self, path: Path, warnings: tuple[Reason, ...], keep: object) -> "Recording":
        """Return the same recording under another name.

        Args:
            path: The name.
            warnings: What takes the place of the warnings.
            keep: What has to live as long as the recording.
        """
        other = copy(self)
        other.path, other.warnings, other._kept = path, warnings, keep
        return other

    def blocks(self) -> Iterator[NDArray[np.float32]]:
        """Yield the recording in parts, each (time,) at 16 kHz; a long one is decoded again.

        Raises:
            AudioError: When the file has changed meanwhile and cannot be read any more.
        """
        if self.waveform is not None:
            yield self.waveform
            return
        with opened(self._file) as file:
            if self._chosen is not None and self._chosen >= file.channels:
                raise AudioError("unreadable", "the file has changed", given=self.path)
            parts = (mono(block, self._chosen) for block in self._span.blocks(file, self.path))
            yield from resampled_blocks(parts, file.rate, SAMPLE_RATE)


@dataclass(frozen=True)
class Refusal:
    """A file that cannot be judged.

    Attributes:
        path: The file.
        status: `rejected`, or `error` when it could not be read to its end.
        reason: Why, with a word from `REASONS`.
        channel: The one that was asked for, from 1; None where all were mixed, or none was read.
    """

    path: Path
    status: Status
    reason: Reason
    channel: int | None = None


def failed(error: Exception) -> Reason:
    """Return the reason of a recording that could not be computed."""
    return Reason("failed", str(error) or "out of memory")


def hear(path: Path, channel: int | None = None, span: Span = WHOLE) -> Recording | Refusal:
    """Read a file as `listen` does, and return what it raises as a result."""
    try:
        return listen(path, channel, span)
    except AudioError as error:
        return Refusal(path, Status.REJECTED, error.reason, channel)
    except MemoryError as error:
        return Refusal(path, Status.ERROR, failed(error), channel)


def listen(path: Path, channel: int | None = None, span: Span = WHOLE) -> Recording:
    """Read a file, and look at what it holds.

    Args:
        path: The file.
        channel: The only one that is looked at, from 1; None to mix all.
        span: The only part that is looked at.

    Raises:
        AudioError: With a word from `REASONS`.
    """
    with opened(path) as file:
        rate, promised = file.rate, file.n_frames
        if channel is not None:
            refuse_channel(channel, file.channels, path)
        meter = SignalMeter(file.channels if channel is None else 1, rate)
        kept: list[NDArray[np.float32]] | None = []
        for whole_block in span.blocks(file, path):
            block = whole_block if channel is None else whole_block[:, channel - 1 : channel].copy()
            meter.add(block)
            if kept is not None:
                kept.append(block)
            if meter.levels.n_frames > LONGEST_WHOLE * rate:
                kept = None
        is_damaged = file.is_damaged
    duration = meter.levels.n_frames / rate
    # Of a part it is not known what the header promises.
    promised = promised if span.is_whole else None
    faults = _file_faults(path, duration, rate, promised, is_damaged, span)
    faults += span.faults(duration)
    about = worth_judging(path, meter, rate, [*faults, *length_faults(duration, rate)])
    waveform = None if kept is None else whole_waveform(kept, rate, meter)
    return Recording(*about, waveform, meter.levels.chosen(), channel, span)


def refuse_channel(channel: int, n_channels: int, path: Path) -> None:
    """Refuse a channel, from 1, that a recording does not have.

    Raises:
        AudioError: `no_channel`.
    """
    if channel > n_channels:
        raise AudioError(
            "no_channel",
            "the recording does not have this channel",
            given=f"channel {channel} of {path}",
            accepted=f"1 to {n_channels}" if n_channels > 1 else "1",
        )


def worth_judging(
    path: Path, meter: SignalMeter, rate: int, faults: list[Reason]
) -> tuple[Path, float, tuple[Reason, ...]]:
    """Return path, duration and warnings of a recording that is worth judging.

    Raises:
        AudioError: `empty`, `not_finite`, `too_short` or `silent`.
    """
    levels = meter.levels
    refuse_useless(levels.n_frames, rate, levels.is_finite, path)
    if meter.is_silent:
        raise silence()
    return path, levels.n_frames / rate, (*faults, *meter.faults())


def whole_waveform(
    blocks: list[NDArray[np.float32]], rate: int, meter: SignalMeter
) -> NDArray[np.float32]:
    """Return the waveform of blocks, each (time, channel), at 16 kHz."""
    channel = meter.levels.chosen()
    waveform = np.concatenate([mono(block, channel) for block in blocks])
    return resampled(waveform, rate, SAMPLE_RATE)


def _file_faults(
    path: Path, duration: float, rate: int, promised: int | None, is_damaged: bool, span: Span
) -> list[Reason]:
    """Return what is wrong with a file whose samples may be all right.

    How long the header says that it is does not matter to a part: it lies in what there is.

    Args:
        path: The file.
        duration: Length of what was decoded, s.
        rate: Hz.
        promised: Frames that the decoder expected; None when it did not know.
        is_damaged: Whether it could not decode something.
        span: What was decoded.
    """
    faults = []
    missing = longer = None
    with suppress(OSError):  # it could be read a moment ago
        if span.is_whole:
            missing, longer = missing_audio(path), understated(path)
    if longer:
        faults.append(Reason("longer_than_stated", str(longer)))
    if missing:
        faults.append(Reason("truncated", missing))
    elif is_damaged:
        of = "" if promised is None else f" of {promised / rate:.2f} s"
        faults.append(Reason("damaged", f"only {duration:.2f} s{of} could be decoded"))
    return faults


def length_faults(duration: float, rate: int) -> list[Reason]:
    """Return what is wrong with a length, s, and a rate, Hz."""
    faults = []
    if duration < SHORT:
        faults.append(Reason("short", f"{duration:.2f} s is little to judge by"))
    if rate < SAMPLE_RATE:
        faults.append(Reason("narrow_band", f"the sample rate is {rate} Hz"))
    return faults
