"""A copy through another channel changes what its name says, measured on the sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.training.copies import channel
from ser_pcq.training.copies.channel import (
    by_telephone,
    equalised,
    in_a_room,
    through_a_channel,
    with_noise,
)

RATE = 16_000


def tone(frequency, seconds=1.0):
    return np.sin(2 * np.pi * frequency * np.arange(int(RATE * seconds)) / RATE)


def level(waveform):
    return 10 * np.log10((np.asarray(waveform, np.float64) ** 2).mean())


@pytest.mark.parametrize("band", range(len(channel.BANDS)))
def test_an_equaliser_raises_its_band_by_its_gain(band):
    gains = np.zeros(7)
    gains[band] = 6.0
    one = tone(channel.BANDS[band])
    assert level(equalised(one, gains)) - level(one) == pytest.approx(6.0, abs=0.3)
    far = tone(channel.BANDS[(band + 3) % 7])
    assert level(equalised(far, gains)) - level(far) == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize("snr", [8.0, 20.0])
@pytest.mark.parametrize("colour", [0.0, 1.0])
def test_noise_has_its_level_and_colour(snr, colour):
    clean = tone(440.0, 4.0)
    noise = with_noise(clean, snr, colour, np.random.default_rng(0)) - clean
    assert level(clean) - level(noise) == pytest.approx(snr, abs=0.1)
    power = np.abs(np.fft.rfft(noise)) ** 2
    octaves = [power[4 * f : 8 * f].mean() for f in (250, 500, 1000, 2000)]
    falls = np.diff(10 * np.log10(octaves))
    assert falls == pytest.approx([-6.0 * colour] * 3, abs=0.6)


def test_a_telephone_lets_the_middle_through_alone():
    for frequency, loss in ((60.0, 20.0), (1000.0, -1.0), (6500.0, 20.0)):
        one = tone(frequency)
        assert level(one) - level(by_telephone(one, 300, 3400)) > loss
    assert abs(level(by_telephone(tone(1000.0), 300, 3400)) - level(tone(1000.0))) < 1.0


def test_a_room_sounds_on_where_the_speech_has_ended():
    speech = np.concatenate([tone(440.0, 0.5), np.zeros(RATE // 2)])
    heard = in_a_room(speech, np.random.default_rng(3))
    after = [level(heard[begin : begin + 800]) for begin in (8100, 9000, 10_000)]
    assert after == sorted(after, reverse=True)
    assert after[0] > -60
    assert heard.shape == speech.shape


@given(st.integers(1, 20_000), st.integers(0, 99), st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_copy_is_as_long_as_what_it_copies_and_never_too_loud(length, seed, silent):
    waveform = np.zeros(length, np.float32)
    if not silent:
        waveform += np.random.default_rng(seed).standard_normal(length).astype(np.float32)
    heard = through_a_channel(waveform, np.random.default_rng(seed))
    assert heard.shape == waveform.shape
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1.0 + 1e-6
    again = through_a_channel(waveform, np.random.default_rng(seed))
    np.testing.assert_array_equal(heard, again)
