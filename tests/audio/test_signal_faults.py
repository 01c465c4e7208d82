"""What is told of decoded audio does not depend on how it comes in."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from ser_pcq.audio.signal_faults import SignalMeter
from ser_pcq.audio.waveform import read_waveform


def measured(samples):
    meter = SignalMeter(samples.shape[1], 16_000)
    meter.add(samples)
    return meter


@given(cuts=st.lists(st.integers(1, 4000), max_size=6), seed=st.integers(0, 20))
def test_how_audio_comes_in_blocks_makes_no_difference(cuts, seed):
    rng = np.random.default_rng(seed)
    samples = np.round(3 * rng.standard_normal((4000, 2))).clip(-6, 6).astype(np.float32) / 6
    samples[1000:1003] = 1  # a run that may be cut: then it is shorter
    whole, parts = measured(samples), SignalMeter(2, 16_000)
    for part in np.split(samples, sorted(cuts)):
        if len(part):
            parts.add(part)
    assert parts.zero_share == whole.zero_share
    assert parts.levels.spread() == pytest.approx(whole.levels.spread())
    for pair, same in zip(parts._tops, whole._tops, strict=True):
        for one, other in zip(pair, same, strict=True):
            assert (one._top, one._n_top) == (other._top, other._n_top)
            assert (one._below, one._n_below) == (other._below, other._n_below)
            assert 0 <= other._in_runs - one._in_runs <= 5 * len(cuts)


def test_the_share_of_clipped_samples_is_that_of_the_flat_tops():
    samples = np.linspace(-0.5, 0.5, 1000, dtype=np.float32)[:, None]
    samples[100:110], samples[200:202], samples[300:305] = 0.9, 0.9, -0.9
    # Two in a row are chance, ten and (at the other side) five are not.
    assert measured(samples).clipped_share == pytest.approx(15 / 1000)
    assert measured(samples / 2).clipped_share == 0
    assert measured(np.zeros((10, 2), dtype=np.float32)).zero_share == 1


def test_clipping_is_seen_before_resampling(tmp_path):
    times = np.arange(48_000) / 48_000
    clipped = np.clip(2 * np.sin(2 * np.pi * 300 * times), -1, 1)
    soundfile.write(tmp_path / "a.wav", clipped, 48_000)
    assert measured(soundfile.read(tmp_path / "a.wav", always_2d=True)[0]).clipped_share > 0.1
    assert measured(read_waveform(tmp_path / "a.wav")[:, None]).clipped_share < 0.01
