import sys

import numpy as np
import pytest

from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform
from ser_pcq.errors import AudioError, ConfigError, SerError
from ser_pcq.models.linear.opensmile import OPENSMILE_SETS, SHORTEST, OpenSmileFunctionals

SIZES = {"eGeMAPSv02": 88, "ComParE_2016": 6373}


@pytest.fixture(scope="module", params=OPENSMILE_SETS)
def functionals(request):
    pytest.importorskip("opensmile", reason="needs the extra opensmile")
    return OpenSmileFunctionals(request.param)


@pytest.fixture(scope="module")
def egemaps():
    pytest.importorskip("opensmile", reason="needs the extra opensmile")
    return OpenSmileFunctionals("eGeMAPSv02")


def buzz(frequency, seconds=1.0, peak=0.3):
    """Ten harmonics, as a voice has them."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = sum(np.sin(2 * np.pi * k * frequency * times) / k for k in range(1, 11))
    return (peak * wave / np.abs(wave).max()).astype(np.float32)


def hard_cases():
    rng = np.random.default_rng(0)
    click = np.zeros(8000)
    click[4000] = 1.0
    return {
        "silence": np.zeros(16_000),
        "shortest silence": np.zeros(SHORTEST),
        "shortest noise": 0.1 * rng.standard_normal(SHORTEST),
        "constant": np.full(8000, 0.3),
        "click": click,
        "half silent": np.concatenate([np.zeros(8000), buzz(150, 0.5)]),
        "almost silent": 1e-6 * rng.standard_normal(8000),
        "square wave at full scale": np.sign(buzz(120)),
        "far beyond full scale": 50 * buzz(120),
    }


def test_there_is_one_finite_number_for_each_name(functionals):
    assert len(functionals.feature_names) == SIZES[functionals.name]
    for name, wave in hard_cases().items():
        vector = functionals(wave.astype(np.float32))
        assert vector.shape == (SIZES[functionals.name],), name
        assert vector.dtype == np.float32
        assert np.isfinite(vector).all(), name


def test_opensmile_says_the_same_twice_and_whatever_came_between(functionals):
    first = functionals(buzz(150))
    functionals(np.zeros(SHORTEST, dtype=np.float32))
    np.testing.assert_array_equal(functionals(buzz(150)), first)


def test_a_peak_at_full_scale_is_no_click(functionals):
    # In 16 bits +1.0 is one more than there is.
    full = buzz(150, peak=1.0)
    just_under = np.minimum(full, 1.0 - 2.0**-15)
    assert full.max() == 1.0
    np.testing.assert_array_equal(functionals(full), functionals(just_under))


def test_an_octave_is_twelve_semitones_and_half_the_level_is_softer(egemaps):
    pitch = egemaps.feature_names.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    loudness = egemaps.feature_names.index("loudness_sma3_amean")
    assert egemaps(buzz(200))[pitch] - egemaps(buzz(100))[pitch] == pytest.approx(12, abs=0.2)
    assert egemaps(buzz(100, peak=0.15))[loudness] < 0.8 * egemaps(buzz(100))[loudness]


def test_anger_is_spoken_at_a_higher_pitch_than_sadness(egemaps, emodb_dir):
    pitch = egemaps.feature_names.index("F0semitoneFrom27.5Hz_sma3nz_amean")
    angry, sad = (
        egemaps(read_waveform(emodb_dir / "wav" / f"03a02{letter}.wav")) for letter in ("Wb", "Ta")
    )
    assert angry[pitch] > sad[pitch] + 3


def test_what_opensmile_cannot_analyse_is_refused_in_words(functionals):
    for n_samples in (0, 1, SHORTEST - 1):
        with pytest.raises(AudioError, match=r"accepted: 0\.06 s") as refusal:
            functionals(np.zeros(n_samples, dtype=np.float32))
        assert refusal.value.reason.word == "too_short"
    wave = buzz(150)
    for value in (np.nan, np.inf):
        wave[100] = value
        with pytest.raises(AudioError) as refusal:
            functionals(wave)
        assert refusal.value.reason.word == "not_finite"


def test_an_unknown_set_and_a_missing_package_are_named(monkeypatch):
    with pytest.raises(ConfigError, match="did you mean 'eGeMAPSv02'"):
        OpenSmileFunctionals("eGeMAPSv2")
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(SerError, match=r"pip install 'ser-pcq\[opensmile\]'"):
        OpenSmileFunctionals("eGeMAPSv02")
