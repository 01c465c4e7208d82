"""Spectra by convolution: every runtime computes that fast, few a Fourier transform."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.frontend import FLOOR, Frontend
from ser_pcq.models.whisper_input import HOP, N_FFT, WhisperLogMel
from ser_pcq.torchaudio_loader import torchaudio


class PowerSpectrum(nn.Module):
    """Squared magnitudes of a centred short-time Fourier transform, as one convolution.

    Args:
        window: Analysis window, (win_length,); in the middle of the transform when it is shorter.
        n_fft: Points of the transform.
        hop: Samples between frames.
        n_bins: How many of the lowest bins are computed; None for all.

    Shape:
        (batch, time) to (batch, bin, time // hop + 1).
    """

    basis: Tensor

    def __init__(self, window: Tensor, n_fft: int, hop: int, n_bins: int | None = None) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        before = (n_fft - len(window)) // 2
        window = F.pad(window.double(), (before, n_fft - len(window) - before))
        turns = torch.outer(torch.arange(n_bins or n_fft // 2 + 1), torch.arange(n_fft)) % n_fft
        angles = turns.double() * (2 * math.pi / n_fft)
        basis = torch.cat([angles.cos() * window, -angles.sin() * window])
        self.register_buffer("basis", basis.float().unsqueeze(1))  # (2 * bin, 1, n_fft)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Apply the transform; the ends are mirrored, as `torch.stft` does."""
        half = self.n_fft // 2
        mirrored = F.pad(waveforms.unsqueeze(1), (half, half), mode="reflect")
        real, imaginary = F.conv1d(mirrored, self.basis, stride=self.hop).square().chunk(2, dim=1)
        return real + imaginary


class WhisperLogMelGraph(nn.Module):
    """`WhisperLogMel` over a `PowerSpectrum`; (batch, time) to (batch, mel, frame)."""

    filters: Tensor

    def __init__(self, original: WhisperLogMel) -> None:
        super().__init__()
        self.power = PowerSpectrum(original.window, N_FFT, HOP)
        self.register_buffer("filters", original.filters.T.contiguous())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the bands."""
        mel = torch.log10((self.filters @ self.power(waveforms)[..., :-1]).clamp_min(1e-10))
        mel = torch.maximum(mel, mel.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (mel + 4.0) / 4.0


class SpectrogramGraph(nn.Module):
    """`Frontend.analyse` over a `PowerSpectrum` for each window length.

    Shape:
        (batch, time) to (batch, channel, frequency, frame).
    """

    def __init__(self, frontend: Frontend) -> None:
        super().__init__()
        config = self.config = frontend.config
        self.shortest = max(config.n_fft, config.win_length, *config.extra_windows, 0)
        self.spectra = nn.ModuleList()
        self.filters: list[str] = []
        if config.kind == "published":
            hamming = torch.hamming_window(config.win_length)
            self.spectra.append(PowerSpectrum(hamming, config.n_fft, config.hop_length))
            return
        mel: Any
        for k, mel in enumerate(frontend.mels):
            window, n_fft = mel.spectrogram.window, mel.spectrogram.n_fft
            self.spectra.append(PowerSpectrum(window, n_fft, config.hop_length))
            self.register_buffer(f"filters_{k}", mel.mel_scale.fb.T.contiguous())
            self.filters.append(f"filters_{k}")

    def forward(self, cleaned: Tensor) -> Tensor:
        """Return raw spectrograms."""
        cleaned = F.pad(cleaned, (0, torch.sym_max(self.shortest - cleaned.shape[1], 0)))
        if self.config.kind == "published":
            magnitude = self.spectra[0](cleaned).sqrt()
            reference = magnitude.amax(dim=(1, 2), keepdim=True).clamp_min(FLOOR)
            decibels = 20 * torch.log10((magnitude / reference).clamp_min(1e-5))
            return decibels[:, : self.config.n_bins].unsqueeze(1)
        channels: list[Tensor] = []
        for spectrum, name in zip(self.spectra, self.filters, strict=True):
            mel = self.get_buffer(name) @ spectrum(cleaned)
            channels.append(torch.log(mel.clamp_min(FLOOR)))
            for _ in range(self.config.deltas):
                channels.append(torchaudio.functional.compute_deltas(channels[-1]))
        return torch.stack(channels, dim=1)
