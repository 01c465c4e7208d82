"""Any readable audio file to a mono float32 waveform at one sample rate, or a typed refusal."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.channels import ChannelLevels, averaged
from ser_pcq.audio.decoder import opened
from ser_pcq.audio.decoders.contract import Decoder
from ser_pcq.errors import AudioError

SAMPLE_RATE = 16_000
"""Hz; the rate that every network of this package works at."""

MIN_DURATION = 0.1
"""s; anything shorter holds no speech and fewer samples than the analysis windows need."""

SILENCE_PEAK = 1e-4
"""Largest distance from the mean, in full scale, that still counts as digital silence.

About three steps of 16-bit audio: dither passes as silence, the quietest real recordings known
(peak 0.006) do not.
"""


def _decode(file: Decoder, first: int, n_frames: int | None) -> NDArray[np.float32]:
    """Read a part of a file, (time,) at its own rate; never all channels of it at once."""
    levels = ChannelLevels(file.channels)
    parts = []
    for block in file.blocks(first, n_frames):
        levels.add(block)
        parts.append(averaged(block))
    channel = levels.chosen()
    if channel is not None:
        parts = [block[:, channel].copy() for block in file.blocks(first, n_frames)]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


def frame_range(
    file: Decoder, path: Path, start: float | None, end: float | None
) -> tuple[int, int | None]:
    """Return the first frame and the number of frames between two times, cut at the end of file.

    Args:
        file: The open file.
        path: Where it lies, for messages.
        start: s; the beginning when None.
        end: s; the end when None.

    Raises:
        AudioError: `bad_range` when the part does not lie in the file.
    """
    first = 0 if start is None else round(start * file.rate)
    last = None if end is None else round(end * file.rate)
    if file.n_frames is not None:
        last = file.n_frames if last is None else min(last, file.n_frames)
    if file.n_frames != 0 and not 0 <= first < (np.inf if last is None else last):
        known = "the end" if file.n_frames is None else f"{file.n_frames / file.rate:.3f} s"
        raise AudioError(
            "bad_range",
            "the part asked for does not lie in the recording",
            given=f"{start} to {end} s of {path}",
            accepted=f"0 to {known}, start before end",
        )
    return first, None if last is None else last - first


def read_waveform(
    path: str | os.PathLike[str],
    *,
    start: float | None = None,
    end: float | None = None,
    sample_rate: int = SAMPLE_RATE,
) -> NDArray[np.float32]:
    """Read an audio file of any format, rate and number of channels that libsndfile knows.

    The content decides about the format, not the name. Channels are averaged; where they cancel one
    another out, the loudest is taken. A file that was cut off is read as far as its header, put
    right by libsndfile, goes.

    Args:
        path: The file.
        start: Begin here, s; at the beginning when None.
        end: Stop here, s; at the end when None or beyond it.
        sample_rate: Wanted rate, Hz.

    Returns:
        Waveform, (time,), 1.0 being full scale.

    Raises:
        AudioError: With the reason `missing`, `unreadable`, `not_regular`, `empty`, `not_finite`,
            `too_short` (under `MIN_DURATION`) or `bad_range` (`start` and `end` do not fit).
    """
    path = Path(path)
    with opened(path) as file:
        waveform = _decode(file, *frame_range(file, path, start, end))
        rate = file.rate
    refuse_useless(len(waveform), rate, bool(np.isfinite(waveform).all()), path)
    return resampled(waveform, rate, sample_rate)


def refuse_useless(n_frames: int, rate: int, is_finite: bool, path: Path) -> None:
    """Refuse decoded audio that cannot be used.

    Args:
        n_frames: How much could be read.
        rate: Hz.
        is_finite: Whether all samples are numbers.
        path: The file.

    Raises:
        AudioError: `empty`, `not_finite` or `too_short`.
    """
    if not n_frames:
        raise AudioError(
            "empty", "the audio file has no samples", given=path, do="copy or record it again"
        )
    if not is_finite:
        raise AudioError(
            "not_finite",
            "the audio has samples that are not numbers (NaN or infinite)",
            given=path,
            do="export it again, as 16-bit PCM",
        )
    if n_frames < MIN_DURATION * rate:
        raise AudioError(
            "too_short",
            "the audio is too short",
            given=f"{n_frames / rate:.3f} s in {path}",
            accepted=f"{MIN_DURATION} s or more",
        )


def resampled(waveform: NDArray[np.float32], rate: int, wanted: int) -> NDArray[np.float32]:
    """Change the sample rate, Hz, of a whole waveform, (time,)."""
    if rate == wanted:
        return np.ascontiguousarray(waveform)
    import soxr

    return np.asarray(soxr.resample(waveform, rate, wanted, quality="HQ"), dtype=np.float32)


def resampled_blocks(
    blocks: Iterable[NDArray[np.float32]], rate: int, wanted: int
) -> Iterator[NDArray[np.float32]]:
    """Change the sample rate, Hz, of a waveform in parts, each (time,); none that come are empty.

    Together they are what `resampled` gives, but for rounding. The filter keeps up to 0.1 s back.
    """
    if rate == wanted:
        yield from (block for block in blocks if block.size)
        return
    import soxr

    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32", quality="HQ")
    for block in blocks:
        if block.size and (part := stream.resample_chunk(block)).size:
            yield part
    if (part := stream.resample_chunk(np.zeros(0, np.float32), last=True)).size:
        yield part


def silence() -> AudioError:
    """Return the refusal of a silent recording."""
    return AudioError(
        "silent",
        "the audio is silent",
        accepted=f"a peak of {SILENCE_PEAK} of full scale or more",
        do="check the recording",
    )


def refuse_silence(waveform: NDArray[np.float32]) -> None:
    """Raise when a waveform is digital silence: within `SILENCE_PEAK` of its mean throughout.

    `read_waveform` does not call this: quiet files may be trained on, but no emotion may be
    reported for nothing.

    Args:
        waveform: (time,).

    Raises:
        AudioError: With the reason `silent`.
    """
    if not waveform.size or np.abs(waveform - waveform.mean()).max() < SILENCE_PEAK:
        raise silence()


def duration(path: str | os.PathLike[str]) -> float:
    """Return the length of a recording in s, as its header states it.

    Nothing is decoded, unless the header does not know.

    Raises:
        AudioError: With the reason `missing`, `unreadable`, `not_regular` or `empty`.
    """
    path = Path(path)
    with opened(path) as file:
        n_frames = file.n_frames
        if n_frames is None:
            n_frames = sum(len(block) for block in file.blocks())
        if not n_frames:
            raise AudioError("empty", "the audio file has no samples", given=path)
        return n_frames / file.rate
