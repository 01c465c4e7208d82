"""A recording and its emotions over time, as a picture: envelope, spectrogram, timeline."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.inference.formats.table import clock
from ser_pcq.inference.formats.values import percent
from ser_pcq.inference.prediction import EmotionSegment, Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 1200  # at most; what a figure of this width can show
_N_FFT, _HOP = 512, 128  # samples
_RANGE = 70.0  # dB that the spectrogram shows below its loudest point

_STEPS = (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # s

COLORS = {
    "anger": "#d1495b",
    "happiness": "#edae49",
    "excitement": "#e8853d",
    "surprise": "#c77dba",
    "fear": "#7d5ba6",
    "disgust": "#6a994e",
    "sadness": "#3d7ea6",
    "boredom": "#9c8b7a",
    "calm": "#66b2b2",
    "contempt": "#8a5a44",
    "neutral": "#8d99ae",
}
"""Of the emotions that corpora label most; others get one of `OTHER_COLORS`."""

OTHER_COLORS = ("#2a9d8f", "#b56576", "#577590", "#bc6c25", "#5f6caf", "#a3b18a")


@dataclass(frozen=True)
class Overview:
    """A recording of any length in a fixed number of columns.

    Attributes:
        low: Smallest sample of each column, (column,).
        high: Largest sample, (column,).
        power: Mean power spectrum, (frequency, column), from 0 to 8 kHz; 0 where nothing was.
        duration: s.
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]
    power: NDArray[np.float64]
    duration: float


def overview(blocks: Iterable[NDArray[np.float32]], duration: float) -> Overview:
    """Reduce a recording to columns while it is read; memory does not grow with its length.

    Args:
        blocks: The recording in parts of any length, (time,) at 16 kHz.
        duration: Its length, s; what comes later is left out.
    """
    n_samples = max(1, round(duration * SAMPLE_RATE))
    n_columns = max(1, min(_COLUMNS, n_samples // _HOP))
    low, high = np.zeros(n_columns, np.float32), np.zeros(n_columns, np.float32)
    power = np.zeros((n_columns, _N_FFT // 2 + 1))
    counts = np.zeros(n_columns)
    # Every column sees some spectra, and a recording of hours not all there are.
    hop = _HOP * max(1, n_samples // n_columns // (8 * _HOP))
    window = np.hanning(_N_FFT)
    begin, rest = 0, np.zeros(0, np.float32)
    at = 0
    for part in _steps(blocks):
        columns = np.minimum(np.arange(at, at + len(part)) * n_columns // n_samples, n_columns)
        kept = columns < n_columns
        np.minimum.at(low, columns[kept], part[kept])
        np.maximum.at(high, columns[kept], part[kept])
        at += len(part)
        rest = np.concatenate([rest, part])
        n_frames = max(0, (len(rest) - _N_FFT) // hop + 1)
        if n_frames:
            frames = np.lib.stride_tricks.sliding_window_view(rest, _N_FFT)[::hop]
            spectra = np.abs(np.fft.rfft(frames * window)) ** 2
            middles = begin + np.arange(n_frames) * hop + _N_FFT // 2
            columns = middles * n_columns // n_samples
            kept = columns < n_columns
            np.add.at(power, columns[kept], spectra[kept])
            np.add.at(counts, columns[kept], 1)
            begin, rest = begin + n_frames * hop, rest[n_frames * hop :]
    # The first and last columns may hold no middle of a frame: then they copy their neighbours.
    filled = np.flatnonzero(counts)
    power[filled] /= counts[filled, np.newaxis]
    if filled.size:
        power[: filled[0]], power[filled[-1] + 1 :] = power[filled[0]], power[filled[-1]]
    return Overview(low, high, power.T, n_samples / SAMPLE_RATE)


def _steps(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Cut blocks into parts of 2 s at most, for the sake of memory."""
    for block in blocks:
        for i in range(0, len(block), 2 * SAMPLE_RATE):
            yield block[i : i + 2 * SAMPLE_RATE]


def plot_timeline(
    blocks: Iterable[NDArray[np.float32]], prediction: Prediction, path: Path
) -> None:
    """Draw a recording and its emotions, and write the picture as PNG, whole or not at all.

    Args:
        blocks: The recording in parts of any length, (time,) at 16 kHz.
        prediction: Its result; without segments, its answer covers the recording.
        path: Where to.

    Raises:
        SerError: When the recording could not be read, or matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise SerError(
            "drawing needs matplotlib, which is not installed",
            do="install it with `pip install 'ser-pcq[plot]'`",
        ) from error
    if not prediction.duration:
        raise SerError("nothing can be drawn of a recording that could not be read")
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    _draw(figure, overview(blocks, prediction.duration), prediction)
    with whole_file(path) as temporary:
        # Neither a date nor a version is stored: equal pictures give equal bytes.
        figure.savefig(temporary, format="png", dpi=150, metadata={"Software": None})


def _draw(figure: "Figure", sound: Overview, prediction: Prediction) -> None:
    """Fill a figure."""
    upper, middle, lower = figure.subplots(3, 1, sharex=True, height_ratios=[1.1, 1.6, 1.5])
    segments = prediction.segments_or_whole()
    labels = list(prediction.probabilities) or sorted({s.label for s in segments})
    colors = label_colors(labels)
    figure.suptitle(_title(prediction), x=0.01, ha="left", fontsize=12, fontweight="bold")
    _draw_envelope(upper, sound, segments, colors)
    _draw_spectrogram(middle, sound)
    _draw_emotions(lower, segments, colors, sound.duration)
    shown = [label for label in labels if any(s.label == label for s in segments)]
    if shown:
        from matplotlib.patches import Patch

        patches = [Patch(color=colors[label], label=label.replace("$", r"\$")) for label in shown]
        figure.legend(handles=patches, loc="outside lower center", ncols=8, frameon=False)
    for axes in (upper, middle, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(0, sound.duration)
    lower.set_xlabel("time in s" if sound.duration < 60 else "time")
    if sound.duration >= 60:
        # Marks at round times of the clock, ten at most.
        step = next((t for t in _STEPS if sound.duration <= 10 * t), _STEPS[-1])
        lower.set_xticks(
            np.arange(0, sound.duration, max(step, sound.duration // 10 // 3600 * 3600))
        )
        lower.xaxis.set_major_formatter(lambda seconds, _: clock(seconds).removesuffix(".0"))


def label_colors(labels: Iterable[str]) -> dict[str, str]:
    """Give each label its colour, the same for the same list of labels."""
    others = [label for label in labels if label not in COLORS]
    spare = {label: OTHER_COLORS[i % len(OTHER_COLORS)] for i, label in enumerate(others)}
    return {**COLORS, **spare}


def _title(prediction: Prediction) -> str:
    """Name the recording and the answer."""
    name = "".join(c if c.isprintable() else "�" for c in Path(prediction.name).name)
    if prediction.status == "ok" and prediction.label is not None:
        answer = f"{prediction.label}, {percent(prediction.confidence)} %"
    else:
        answer = prediction.status
    # A dollar sign would begin a formula.
    return f"{name[-80:]}   —   {answer}".replace("$", r"\$")


def _draw_envelope(
    axes: "Axes", sound: Overview, segments: Iterable[EmotionSegment], colors: dict[str, str]
) -> None:
    """Draw the waveform, in the colour of the emotion where there is one."""
    times = (np.arange(len(sound.low)) + 0.5) * sound.duration / len(sound.low)
    axes.fill_between(times, sound.low, sound.high, color="#c9ced6", linewidth=0.4)
    for s in segments:
        inside = (times >= s.start) & (times <= s.end)
        color: Any = colors[s.label]
        axes.fill_between(
            times, sound.low, sound.high, where=inside.tolist(), color=color, linewidth=0.4
        )
    peak = max(1e-4, float(np.abs([sound.low, sound.high]).max()))
    axes.set_ylim(-1.05 * peak, 1.05 * peak)
    axes.set_ylabel("amplitude")


def _draw_spectrogram(axes: "Axes", sound: Overview) -> None:
    """Draw the levels from 0 to 8 kHz, in dB below the loudest."""
    level = 10 * np.log10(sound.power + 1e-12)
    top = float(level.max())
    axes.imshow(
        level,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=top - _RANGE,
        vmax=top,
        extent=(0.0, sound.duration, 0.0, SAMPLE_RATE / 2000),
        interpolation="bilinear",
    )
    axes.set_ylabel("frequency in kHz")


def _draw_emotions(
    axes: "Axes", segments: Iterable[EmotionSegment], colors: dict[str, str], duration: float
) -> None:
    """Draw a bar for each segment, as high as its confidence and paler where that is low."""
    for s in segments:
        width = s.end - s.start
        style: dict[str, Any] = {"align": "edge", "color": colors[s.label]}
        axes.bar(s.start, 1.0, width, alpha=0.12, **style)
        axes.bar(s.start, s.confidence, width, alpha=0.35 + 0.65 * s.confidence, **style)
        # A letter is about 0.6 % of the width; what does not fit is in the legend.
        if width / duration > 0.0065 * (len(s.label) + 1):
            middle, text = s.start + width / 2, s.label.replace("$", r"\$")
            axes.text(middle, 1.03, text, ha="center", va="bottom", fontsize=9, color="#333333")
    axes.set_ylim(0, 1.16)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.grid(axis="y", color="#e3e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylabel("confidence")
