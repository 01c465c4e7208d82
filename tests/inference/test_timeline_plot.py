"""Pictures of recordings: the same from any blocks, in bounded memory, whole or not at all."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fake_speech import LABELS, RATE, cut, sound

from ser_pcq.errors import SerError
from ser_pcq.inference.prediction import EmotionSegment, Prediction
from ser_pcq.inference.timeline.plot import label_colors, overview, plot_timeline


def told(duration, segments=(), path="a $b$.wav", **changes):
    shares = dict(zip(LABELS, (0.6, 0.3, 0.1), strict=True))
    values = {"status": "ok", "reason": None, "label": "low", "confidence": 0.6, **changes}
    parts = tuple(EmotionSegment(a, b, label, shares[label], shares) for a, b, label in segments)
    return Prediction(
        path, duration=duration, probabilities=shares, model="m", segments=parts, **values
    )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 15_000), min_size=1, max_size=4))
def test_how_the_audio_is_cut_makes_no_difference(lengths):
    samples = sound(("low", 0.3), (None, 0.3), ("high", 0.4))
    whole = overview([samples], len(samples) / RATE)
    parts = overview(cut(samples, lengths), len(samples) / RATE)
    assert np.array_equal(whole.low, parts.low)
    assert np.array_equal(whole.high, parts.high)
    assert whole.power == pytest.approx(parts.power)


def test_the_columns_show_where_and_how_high_the_sound_is():
    seen = overview([sound(("low", 1.0), (None, 1.0), ("high", 1.0))], 3.0)
    third = len(seen.low) // 3
    assert seen.high[: third - 5].min() > 0.2
    assert seen.low[: third - 5].max() < -0.2
    assert np.abs(seen.high[third + 5 : 2 * third - 5]).max() == 0
    kilohertz = seen.power.argmax(axis=0) * RATE / 512 / 1000
    assert kilohertz[third // 2] == pytest.approx(0.3, abs=0.04)
    assert kilohertz[-third // 2] == pytest.approx(3.0, abs=0.04)


def test_an_overview_of_an_hour_is_no_larger():
    minute = sound(("low", 30.0), (None, 30.0))
    short, long = overview([minute], 60.0), overview([minute] * 20, 1200.0)
    assert short.power.shape == long.power.shape
    assert short.low.shape == long.low.shape == (1200,)
    assert (long.power.sum(axis=0) > 0).mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("n", [1, 100, 1600, 5000])
def test_short_recordings_can_be_drawn(tmp_path, n):
    samples = sound(("low", n / RATE))
    plot_timeline([samples], told(n / RATE), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_equal_recordings_give_equal_bytes_and_long_ones_can_be_drawn(tmp_path):
    samples = sound(("low", 30.0), ("high", 60.0))
    prediction = told(90.0, [(0, 30, "low"), (30, 90, "high")])
    for name in ("a.png", "b.png"):
        plot_timeline(iter([samples]), prediction, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert [file.name for file in sorted(tmp_path.iterdir())] == ["a.png", "b.png"]


def test_what_has_no_answer_can_be_drawn_and_what_was_not_read_cannot(tmp_path):
    samples = np.zeros(16_000, np.float32)
    unsure = told(1.0, status="abstained", label=None)
    plot_timeline([samples], unsure, tmp_path / "a.png")
    with pytest.raises(SerError, match="could not be read"):
        plot_timeline([], told(None, status="rejected"), tmp_path / "b.png")
    assert not (tmp_path / "b.png").exists()


def test_missing_matplotlib_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SerError, match=r"pip install 'ser-pcq\[plot\]'"):
        plot_timeline([], told(1.0), tmp_path / "a.png")


def test_each_label_has_a_colour():
    colors = label_colors([*LABELS, "anger"])
    assert len({colors[label] for label in (*LABELS, "anger")}) == 4
