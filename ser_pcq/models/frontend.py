"""Waveform to spectrogram channels: pure functions, and the module that holds fitted statistics.

Two kinds. `published` is the paper's input: a dB spectrogram of 0–4 kHz as an image with ImageNet
statistics. `log-mel` has mel bands, with Δ and ΔΔ or further window lengths as channels. Both work
on a whole utterance first (so that no segment border is seen by the transform), then on batches of
segments.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.config import FrontendConfig
from ser_pcq.errors import SerError
from ser_pcq.models.torchaudio_loader import torchaudio

# Means and deviations of ImageNet's red, green and blue channels (torchvision's documentation);
# the published input is normalised with them although it is not a photograph.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Power below this counts as nothing: -100 dB under full scale.
FLOOR = 1e-10


def peak_normalise(waveform: Tensor) -> Tensor:
    """Scale a waveform to a peak of 1; digital silence stays as it is.

    Shape:
        waveform (..., time) to the same.
    """
    peak = waveform.abs().amax(dim=-1, keepdim=True)
    return waveform / torch.where(peak > 0, peak, torch.ones_like(peak))


def preemphasise(waveform: Tensor, coefficient: float) -> Tensor:
    """Apply y[n] = x[n] - a·x[n-1], with y[0] = x[0].

    Shape:
        waveform (..., time) to the same.
    """
    if coefficient == 0:
        return waveform
    return torch.cat(
        [waveform[..., :1], waveform[..., 1:] - coefficient * waveform[..., :-1]], dim=-1
    )


def decibel_spectrogram(
    waveform: Tensor, *, n_fft: int, win_length: int, hop_length: int, n_bins: int
) -> Tensor:
    """Magnitude spectrogram in dB relative to the maximum of the utterance.

    Centred frames, Hamming window (PCQ's released preprocessing; the paper names the window and
    sizes in its experimental set-up). The scale is cut at -100 dB.

    Shape:
        waveform (..., time) to (..., frequency, frame), values -100 to 0.
    """
    window = torch.hamming_window(win_length, device=waveform.device, dtype=waveform.dtype)
    spectrum = torchaudio.functional.spectrogram(
        waveform,
        pad=0,
        window=window,
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        power=1.0,
        normalized=False,
    )
    reference = spectrum.amax(dim=(-2, -1), keepdim=True).clamp_min(FLOOR)
    decibels = 20 * torch.log10((spectrum / reference).clamp_min(1e-5))
    return decibels[..., :n_bins, :]


def resize_image(image: Tensor, height: int, width: int) -> Tensor:
    """Bilinear resize of (batch, channel, frequency, frame) to (batch, channel, height, width)."""
    return F.interpolate(image, size=(height, width), mode="bilinear", align_corners=False)


class Frontend(nn.Module):
    """Waveform to spectrogram channels, with statistics that are fitted on training segments.

    `analyse` turns an utterance into a raw spectrogram; `forward` normalises a batch of segments
    cut from it. The statistics are buffers, so they travel in the checkpoint.

    Args:
        config: The `[frontend]` section.
    """

    low: Tensor
    high: Tensor

    def __init__(self, config: FrontendConfig) -> None:
        super().__init__()
        self.config = config
        n_frequencies = config.n_bins if config.kind == "published" else config.n_mels
        n_raw = 1 if config.kind == "published" else self._n_channels
        # published: minimum and maximum per bin. log-mel: mean and deviation per channel and band.
        self.register_buffer("low", torch.zeros(n_raw, n_frequencies, 1))
        self.register_buffer("high", torch.ones(n_raw, n_frequencies, 1))
        if config.kind == "log-mel":
            windows = (config.win_length, *config.extra_windows)
            self.mels = nn.ModuleList(_mel_transform(config, length) for length in windows)

    @property
    def _n_channels(self) -> int:
        """Channels of the image that the network sees."""
        if self.config.kind == "published":
            return 3
        return (1 + len(self.config.extra_windows)) * (1 + self.config.deltas)

    @property
    def fill(self) -> float:
        """Value of padded frames in a raw spectrogram."""
        if self.config.kind == "published":
            return 0.0 if self.config.pad_with == "maximum" else -100.0
        return float(torch.log(torch.tensor(FLOOR)))

    @property
    def middle(self) -> Tensor:
        """What is normal for each band of a raw spectrogram: fitted, (channel, frequency, 1)."""
        # published: half-way between the extremes; log-mel: the mean.
        return (self.low + self.high) / 2 if self.config.kind == "published" else self.low

    def output_shape(self, n_frames: int) -> tuple[int, int, int]:
        """Return (channel, frequency, frame) of the image of a segment with `n_frames` frames."""
        if self.config.kind == "published":
            return 3, self.config.image_height, self.config.image_width
        return self._n_channels, self.config.n_mels, n_frames

    def clean(self, waveform: Tensor) -> Tensor:
        """Level and pre-emphasis, which both branches share.

        Shape:
            waveform (..., time) to the same.
        """
        if self.config.level == "peak":
            waveform = peak_normalise(waveform)
        return preemphasise(waveform, self.config.preemphasis)

    def analyse(self, cleaned: Tensor) -> Tensor:
        """Raw spectrogram of a cleaned utterance, before any fitted statistic.

        Shape:
            cleaned (..., time) to (..., channel, frequency, frame), time // hop + 1 frames.
        """
        config = self.config
        # A centred transform mirrors half a window at either end and needs that many samples.
        shortest = max(config.n_fft, config.win_length, *config.extra_windows, 0)
        if cleaned.shape[-1] < shortest:
            cleaned = F.pad(cleaned, (0, shortest - cleaned.shape[-1]))
        if config.kind == "published":
            return decibel_spectrogram(
                cleaned,
                n_fft=config.n_fft,
                win_length=config.win_length,
                hop_length=config.hop_length,
                n_bins=config.n_bins,
            ).unsqueeze(-3)
        channels: list[Tensor] = []
        for mel in self.mels:
            static = torch.log(mel(cleaned).clamp_min(FLOOR))
            channels.append(static)
            for _ in range(config.deltas):
                channels.append(torchaudio.functional.compute_deltas(channels[-1]))
        return torch.stack(channels, dim=-3)

    def fit(self, spectrograms: Tensor) -> None:
        """Fit the statistics on raw segments of *training* speakers.

        Args:
            spectrograms: Raw segments, (segment, channel, frequency, frame).
        """
        if spectrograms.shape[0] == 0:
            raise SerError("no training segment to fit the frontend on")
        if self.config.kind == "published":
            self.low = spectrograms.amin(dim=(0, 3), keepdim=False).unsqueeze(-1)
            self.high = spectrograms.amax(dim=(0, 3), keepdim=False).unsqueeze(-1)
        else:
            self.low = spectrograms.mean(dim=(0, 3), keepdim=False).unsqueeze(-1)
            self.high = spectrograms.std(dim=(0, 3), keepdim=False).unsqueeze(-1).clamp_min(1e-3)

    def forward(self, spectrogram: Tensor) -> Tensor:
        """Normalise a batch of raw segments into the image that the network sees.

        Shape:
            spectrogram (batch, channel, frequency, frame) to (batch, *output_shape).
        """
        config = self.config
        if config.kind == "log-mel":
            return (spectrogram - self.low) / self.high
        span = (self.high - self.low).clamp_min(1e-6)
        image = ((spectrogram - self.low) / span).clamp(0, 1)
        image = resize_image(image, config.image_height, config.image_width).expand(-1, 3, -1, -1)
        mean = image.new_tensor(IMAGENET_MEAN).view(3, 1, 1)
        std = image.new_tensor(IMAGENET_STD).view(3, 1, 1)
        return (image - mean) / std


def _mel_transform(config: FrontendConfig, win_length: int) -> nn.Module:
    """Mel filters over the power spectrum, for one window length in samples."""
    n_fft = config.n_fft
    while n_fft < win_length:
        n_fft *= 2
    transform: nn.Module = torchaudio.transforms.MelSpectrogram(
        sample_rate=SAMPLE_RATE,
        n_fft=n_fft,
        win_length=win_length,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
        f_min=config.f_min,
        f_max=config.f_max,
    )
    return transform
