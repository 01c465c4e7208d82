"""The frontend, on physics: tones, silence, level, and the paper's numbers."""

import numpy as np
import pytest
import torch

from ser_pcq.config import FrontendConfig
from ser_pcq.errors import SerError
from ser_pcq.models.frontend import Frontend, decibel_spectrogram, peak_normalise, preemphasise

PUBLISHED = FrontendConfig(
    kind="published", level="none", preemphasis=0.97, n_fft=800, win_length=640
)


def tone(frequency: float, seconds: float = 3.0, rate: int = 16_000) -> torch.Tensor:
    return torch.sin(2 * torch.pi * frequency * torch.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("frequency", [200, 1000, 3000])
def test_a_tone_peaks_in_its_bin(frequency):
    spectrogram = decibel_spectrogram(
        tone(frequency), n_fft=800, win_length=640, hop_length=160, n_bins=200
    )
    assert spectrogram.shape == (200, 301)
    assert int(spectrogram.mean(-1).argmax()) == frequency // 20  # 16 kHz / 800 points
    assert spectrogram.max() <= 0
    assert spectrogram.min() >= -100


def test_decibels_equal_librosa():
    import librosa

    waveform = torch.randn(16_000, generator=torch.Generator().manual_seed(0))
    ours = decibel_spectrogram(waveform, n_fft=800, win_length=640, hop_length=160, n_bins=401)
    magnitude = np.abs(
        librosa.stft(
            waveform.numpy(),
            n_fft=800,
            win_length=640,
            hop_length=160,
            window=np.hamming(641)[:-1],
            pad_mode="reflect",
        )
    )
    theirs = librosa.amplitude_to_db(magnitude, ref=np.max, amin=1e-8, top_db=100)
    assert np.abs(ours.numpy() - theirs).max() < 0.01


def test_decibels_do_not_depend_on_level():
    x = tone(440) + 0.01 * torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    kinds = {"n_fft": 800, "win_length": 640, "hop_length": 160, "n_bins": 200}
    loud, quiet = (decibel_spectrogram(x * gain, **kinds).clamp_min(-80) for gain in (1.0, 0.01))
    assert torch.allclose(loud, quiet, atol=1e-2)


def test_a_tone_above_four_kilohertz_is_cut_away():
    frontend = Frontend(PUBLISHED)
    low, high = (frontend.analyse(tone(f) + 1e-3 * tone(500)) for f in (1000, 6000))
    # Relative to the utterance's maximum, which lies above the bins that are kept.
    assert high.max() < -40
    assert low.max() == 0


def test_preemphasis_is_the_stated_difference():
    x = torch.tensor([1.0, 2.0, 3.0])
    assert torch.allclose(preemphasise(x, 0.97), torch.tensor([1.0, 2 - 0.97, 3 - 1.94]))
    assert preemphasise(x, 0) is x


def test_peak_normalisation():
    x = torch.tensor([[0.1, -0.2], [0.0, 0.0]])
    assert torch.allclose(peak_normalise(x), torch.tensor([[0.5, -1.0], [0.0, 0.0]]))


def test_published_image_has_the_published_shape_and_range():
    frontend = Frontend(PUBLISHED)
    raw = frontend.analyse(frontend.clean(tone(700)))[None, ..., :300]
    assert raw.shape == (1, 1, 200, 300)
    frontend.fit(raw)
    image = frontend(raw)
    assert image.shape == (1, *frontend.output_shape(300)) == (1, 3, 256, 384)
    # Undo the ImageNet statistics: three equal channels in [0, 1].
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    grey = image * std + mean
    assert torch.allclose(grey[:, 0], grey[:, 1], atol=1e-5)
    assert grey.min() >= -1e-5
    assert grey.max() <= 1 + 1e-5


def test_published_statistics_clip_what_lies_outside_training():
    frontend = Frontend(PUBLISHED)
    frontend.fit(torch.empty(4, 1, 200, 300).uniform_(-80, -20))
    inside = frontend(torch.full((1, 1, 200, 300), -20.0))
    outside = frontend(torch.full((1, 1, 200, 300), 0.0))
    assert torch.allclose(inside, outside, atol=0.1)


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({}, 1),
        ({"deltas": 1}, 2),
        ({"deltas": 2}, 3),
        ({"extra_windows": (800, 200)}, 3),
        ({"extra_windows": (1024,), "deltas": 2}, 6),
    ],
)
def test_log_mel_channels(changes, channels):
    frontend = Frontend(FrontendConfig(**changes))
    raw = frontend.analyse(tone(440, 1.0))
    assert raw.shape == (channels, 64, 101)
    frontend.fit(raw[None])
    image = frontend(raw[None])
    assert image.shape[1:] == frontend.output_shape(101)
    assert torch.allclose(image.mean(dim=(0, 3)), torch.zeros(channels, 64), atol=1e-3)


def test_mel_bands_begin_at_the_lower_edge():
    def energies(f_min: float) -> torch.Tensor:
        frontend = Frontend(FrontendConfig(n_mels=40, f_min=f_min))
        return frontend.analyse(tone(300.0))[0].mean(dim=-1)

    # The tone lies in one of the lowest bands, or under all of them.
    assert energies(0.0).max() > energies(1000.0).max() + 5
    assert energies(0.0).argmax() > energies(200.0).argmax()


def test_deltas_are_zero_for_a_steady_sound():
    frontend = Frontend(FrontendConfig(deltas=1))
    raw = frontend.analyse(tone(1000, 2.0))
    band = int(raw[0].mean(-1).argmax())
    assert raw[1, band, 20:-20].abs().max() < 0.01
    assert raw[1, band, :20].abs().max() > 0.01  # the onset is a change


def test_a_batch_is_analysed_like_its_items():
    frontend = Frontend(FrontendConfig(deltas=2))
    batch = torch.randn(3, 8000)
    together = frontend.analyse(batch)
    for i in range(3):
        assert torch.allclose(together[i], frontend.analyse(batch[i]), atol=1e-4)


@pytest.mark.parametrize("config", [FrontendConfig(), PUBLISHED])
@pytest.mark.parametrize("n", [1, 100, 799])
def test_clips_shorter_than_a_window_and_silence_stay_finite(config, n):
    frontend = Frontend(config)
    for waveform in (torch.zeros(n), torch.randn(n)):
        assert torch.isfinite(frontend.analyse(frontend.clean(waveform))).all()


def test_statistics_travel_in_the_state():
    frontend = Frontend(FrontendConfig())
    frontend.fit(torch.randn(5, 1, 64, 30) * 3 + 2)
    again = Frontend(FrontendConfig())
    again.load_state_dict(frontend.state_dict())
    x = torch.randn(1, 1, 64, 30)
    assert torch.equal(frontend(x), again(x))
    with pytest.raises(SerError, match="no training segment"):
        again.fit(torch.zeros(0, 1, 64, 30))
