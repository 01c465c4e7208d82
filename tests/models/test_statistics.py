import numpy as np
import pytest
import torch
from support import tiny

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.config import ContextConfig
from ser_pcq.errors import DataError
from ser_pcq.models.encoders.pretrained import load_encoder
from ser_pcq.models.linear.statistics import (
    FeatureSet,
    frame_energy,
    loudness_weights,
    speech_frames,
    statistics_over_time,
)


def frames_of(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_statistics_are_means_then_deviations_then_means_of_the_parts():
    frames = frames_of(2, 21, 5)
    statistics = statistics_over_time(frames, parts=3)
    assert statistics.shape == (2, 25)
    values = frames.numpy()
    np.testing.assert_allclose(statistics[:, :5], values.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(statistics[:, 5:10], values.std(axis=1), atol=1e-6)
    for k in range(3):
        part = values[:, 7 * k : 7 * k + 7].mean(axis=1)
        np.testing.assert_allclose(statistics[:, 10 + 5 * k : 15 + 5 * k], part, atol=1e-6)
    torch.testing.assert_close(statistics_over_time(frames), statistics[:, :10])


def test_the_order_of_frames_matters_to_the_parts_alone():
    frames = frames_of(2, 24, 5, seed=1)
    turned = statistics_over_time(frames.flip(1), parts=2)
    statistics = statistics_over_time(frames, parts=2)
    torch.testing.assert_close(turned[:, :10], statistics[:, :10])
    torch.testing.assert_close(turned[:, 10:15], statistics[:, 15:])


def test_movement_is_the_deviation_of_averages_and_of_changes():
    frames = frames_of(2, 40, 3, seed=2)
    speech = torch.arange(40) >= 10
    statistics = statistics_over_time(frames, speech, windows=(5, 11), lags=(1, 4))
    assert statistics.shape == (2, 18)
    values = frames.numpy().astype(float)
    for k, window in enumerate((5, 11)):
        half = window // 2
        padded = np.pad(values, ((0, 0), (half, half), (0, 0)), mode="edge")
        smooth = np.stack([padded[:, i : i + window].mean(axis=1) for i in range(40)], axis=1)
        expected = smooth[:, 10:].std(axis=1)
        np.testing.assert_allclose(statistics[:, 6 + 3 * k : 9 + 3 * k], expected, atol=1e-6)
    for k, lag in enumerate((1, 4)):
        # A change belongs to the frame that it ends in, whatever stood before it.
        change = values[:, 10:] - values[:, 10 - lag : 40 - lag]
        expected = change.std(axis=1)
        np.testing.assert_allclose(statistics[:, 12 + 3 * k : 15 + 3 * k], expected, atol=1e-6)


def test_pauses_count_neither_in_means_nor_in_parts():
    frames, speech = frames_of(1, 30, 4, seed=3), torch.arange(30) % 3 > 0
    assert torch.equal(
        statistics_over_time(frames, speech, parts=2),
        statistics_over_time(frames[:, speech], parts=2),
    )


def test_movement_of_very_short_utterances_is_defined():
    for n_frames in (1, 2, 3):
        statistics = statistics_over_time(frames_of(1, n_frames, 2), windows=(25,), lags=(1, 4))
        assert torch.isfinite(statistics).all()
    assert not statistics_over_time(frames_of(1, 1, 2), windows=(25,), lags=(4,))[:, 2:].any()


def test_statistics_keep_their_precision_and_are_always_defined():
    # Encoders have single components that are hundreds of times larger than the others.
    frames = 300.0 + torch.linspace(-1, 1, 1500).reshape(1, 1500, 1)
    mean, deviation = statistics_over_time(frames)[0].tolist()
    assert mean == pytest.approx(300, rel=1e-6)
    assert deviation == pytest.approx(3**-0.5, rel=1e-3)
    assert torch.isfinite(statistics_over_time((200 * frames).half())).all()
    single = statistics_over_time(frames_of(2, 1, 3), parts=4)
    assert not single[:, 3:6].any()
    torch.testing.assert_close(single[:, 6:], single[:, :3].repeat(1, 4))
    with pytest.raises(DataError, match="no frame"):
        statistics_over_time(torch.zeros(2, 0, 3))


def test_frames_that_count_twice_are_there_twice():
    """Weights are how often a frame is heard; their scale makes no difference."""
    frames, counts = frames_of(2, 6, 3), torch.tensor([1, 2, 1, 3, 1, 2])
    heard = statistics_over_time(frames, weights=counts / 10)
    torch.testing.assert_close(heard, statistics_over_time(frames.repeat_interleave(counts, dim=1)))
    alike = statistics_over_time(
        frames, weights=torch.full((6,), 0.1), parts=2, windows=(3,), lags=(1,)
    )
    plain = statistics_over_time(frames, parts=2, windows=(3,), lags=(1,))
    torch.testing.assert_close(alike, plain)


def test_loud_frames_count_more_whatever_the_level():
    energy = torch.tensor([1.0, 0.1, 0.001])
    weights = loudness_weights(energy, 0.3)
    torch.testing.assert_close(weights, torch.tensor([1.0, 10**-0.3, 10**-0.9]))
    torch.testing.assert_close(loudness_weights(1e-9 * energy, 0.3), weights)
    assert loudness_weights(torch.zeros(3), 0.3).tolist() == [1.0, 1.0, 1.0]


def test_frames_far_under_the_loudest_are_no_speech():
    levels = torch.tensor([0.0, -10.0, -24.0, -26.0, -90.0])  # dB
    waveform = (10 ** (levels / 20)).repeat_interleave(320).unsqueeze(0)
    energy = frame_energy(waveform, 5)[0]
    torch.testing.assert_close(10 * energy.log10(), levels)
    assert speech_frames(energy, 25).tolist() == [True, True, True, False, False]
    # Level is no matter, and 0 keeps what there is, silence too.
    assert speech_frames(1e-4 * energy, 25).tolist() == [True, True, True, False, False]
    assert speech_frames(energy, 0).all()
    assert speech_frames(torch.zeros(4), 25).all()


def test_a_feature_set_says_what_it_is():
    assert FeatureSet((2,), 0, 1).name == "layer 2"
    assert FeatureSet((2, 3), 25, 2).name == "layers 2+3, speech within 25 dB, 2 parts"
    moving = FeatureSet((1,), 0, 1, windows=(0.1, 0.22), lags=(0.02,))
    assert moving.name == "layer 1, averages over 0.1 0.22 s, changes over 0.02 s"
    assert moving.times_in_frames(50.0) == ((5, 11), (1,))
    assert moving.times_in_frames(49.9) == ((5, 11), (1,))


@pytest.mark.parametrize("kind", ["wavlm", "whisper"])
def test_silence_has_finite_statistics(kind, request):
    if kind == "wavlm":
        encoder = tiny.random_encoder(normalise_waveform=True)
    else:
        folder = str(request.getfixturevalue("whisper_dir"))
        encoder = load_encoder(ContextConfig(encoder=folder, layers=(1, 2)))
    with torch.inference_mode():
        context = encoder.eval()(torch.zeros(1, SAMPLE_RATE))[0]
    statistics = statistics_over_time(context, parts=2)
    assert statistics.shape == (2, 4 * encoder.width)
    assert torch.isfinite(statistics).all()
