"""Different speech on two channels is noticed, and nothing else is."""

import numpy as np
import pytest
from support.zoo import speech

from ser_pcq.audio.channel_speech import ChannelSpeech

RATE = 16_000
RANDOM = np.random.default_rng(0)
VOICE = speech(4)
OTHER = VOICE[::-1].copy()  # the same sounds in another order
NOISE = RANDOM.standard_normal(len(VOICE)).astype(np.float32)


def unlike(*channels, rate=RATE, cuts=()):
    samples = np.stack([c[: min(map(len, channels))] for c in channels], axis=1)
    meter = ChannelSpeech(samples.shape[1], rate)
    for part in np.split(samples.astype(np.float32), cuts):
        meter.add(part)
    return meter.unlike()


def with_noise(wave, snr):
    power = np.mean(wave**2) / 10 ** (snr / 10)
    return wave + np.sqrt(power) * RANDOM.standard_normal(len(wave)).astype(np.float32)


SAME = {
    "quieter": 0.02 * VOICE,
    "opposite": -VOICE,
    "late": np.concatenate([np.zeros(320, np.float32), VOICE]),
    "noisy": with_noise(VOICE, 10),
    "silent": 0 * VOICE,
    "only noise": 0.1 * NOISE,
    "far away": 1e-3 * OTHER,
}


@pytest.mark.parametrize("second", SAME)
def test_one_speaker_on_two_channels_is_one(second):
    assert unlike(VOICE, SAME[second]) is None
    assert unlike(SAME[second], VOICE) is None


def test_two_speakers_at_once_and_in_turn_are_two():
    quiet = 1e-3 * NOISE
    first, second = np.split(VOICE, 2)
    turns = (
        np.concatenate([first, 0 * first]) + quiet,
        np.concatenate([0 * second, second]) + quiet[::-1],
    )
    for pair in ((VOICE, OTHER), (VOICE, 0.1 * OTHER), turns):
        assert unlike(*pair)[:2] == (0, 1)
    # Of several channels, those that are least alike; gain makes no difference.
    many = [unlike(g * VOICE, 0.5 * VOICE, OTHER, 0.01 * NOISE) for g in (1, 0.3)]
    assert [pair[1] for pair in many] == [2, 2]
    assert many[0][2] == pytest.approx(many[1][2], abs=1e-3)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
def test_the_rate_makes_no_difference(rate):
    assert unlike(speech(4, rate), speech(4, rate)[::-1], rate=rate) is not None
    assert unlike(speech(4, rate), 0.1 * speech(4, rate), rate=rate) is None


def test_how_samples_are_cut_makes_no_difference():
    whole = unlike(VOICE, OTHER)
    assert unlike(VOICE, OTHER, cuts=(1, 700, 701, 30_000))[2] == pytest.approx(whole[2])


def test_little_or_no_audio_says_nothing():
    assert unlike(VOICE[:8000], OTHER[:8000]) is None
    assert unlike(VOICE) is None
    assert unlike(VOICE * np.float32(np.nan), OTHER) is None
    assert unlike(VOICE[:0], OTHER[:0]) is None
    assert unlike(VOICE, 0.1 * VOICE, rate=1_000) is None
    assert unlike(np.float32(1e30) * VOICE, VOICE) is None
