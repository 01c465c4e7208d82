"""Spectra by products of matrices: every runtime computes those fast, few a Fourier transform."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.frontend import FLOOR, Frontend
from ser_pcq.graphs.statistics import squared
from ser_pcq.models.whisper_input import HOP, N_FFT, WhisperLogMel


class PowerSpectrum(nn.Module):
    """Squared magnitudes of a centred short-time Fourier transform.

    A cosine has the same value at equal distances from the beginning and from the end of a frame, a
    sine the opposite one: so what stands there is added, or subtracted, before the products, which
    are half as large then.

    Args:
        window: Analysis window, (win_length,); in the middle of the transform when it is shorter.
        n_fft: Points of the transform.
        hop: Samples between frames.
        n_bins: How many of the lowest bins are computed; None for all.

    Shape:
        (batch, time) to (batch, bin, frame): time // hop + 1 frames where `n_fft` is even.
    """

    window: Tensor
    cosines: Tensor
    sines: Tensor

    def __init__(self, window: Tensor, n_fft: int, hop: int, n_bins: int | None = None) -> None:
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.n_pairs = (n_fft - 1) // 2
        before = (n_fft - len(window)) // 2
        self.register_buffer("window", F.pad(window, (before, n_fft - len(window) - before)))
        turns = torch.outer(torch.arange(n_bins or n_fft // 2 + 1), torch.arange(n_fft)) % n_fft
        angles = turns.double() * (2 * math.pi / n_fft)
        self.register_buffer("cosines", angles.cos()[:, : n_fft - self.n_pairs].float())
        self.register_buffer("sines", angles.sin()[:, 1 : self.n_pairs + 1].float())

    def forward(self, waveforms: Tensor) -> Tensor:
        """Apply the transform; the ends are mirrored, as `torch.stft` does."""
        n = self.n_pairs
        windowed = self._frames(waveforms) * self.window
        front = windowed[..., 1 : n + 1]
        back = windowed[..., self.n_fft - n :].flip(-1)
        rest = windowed[..., n + 1 : self.n_fft - n]  # the middle, where there is one
        even = torch.cat([windowed[..., :1], front + back, rest], dim=2)
        real = self.cosines @ even.transpose(1, 2)
        imaginary = self.sines @ (front - back).transpose(1, 2)
        return squared(real) + squared(imaginary)

    def _frames(self, waveforms: Tensor) -> Tensor:
        """Lay the frames beside one another, (batch, time) to (batch, frame, n_fft).

        They are put together of rows that all of them share, as a whole one is copied fast.
        """
        row = math.gcd(self.n_fft, self.hop)
        middle = self.n_fft // 2
        mirrored = F.pad(waveforms.unsqueeze(1), (middle, middle), mode="reflect").squeeze(1)
        n_frames = (waveforms.shape[1] + 2 * middle - self.n_fft) // self.hop + 1
        # Zeros after the end, which no frame reaches, make the last row a whole one.
        length = waveforms.shape[1] + 2 * middle
        n_rows = (length + row - 1) // row
        rows = F.pad(mirrored, (0, n_rows * row - length)).unflatten(1, (n_rows, row))
        first = torch.arange(n_frames).unsqueeze(1) * (self.hop // row)
        index = first + torch.arange(self.n_fft // row).unsqueeze(0)  # (frame, row)
        return rows.index_select(1, index.flatten()).view(-1, n_frames, self.n_fft)


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


def deltas(values: Tensor) -> Tensor:
    """Return slopes over five frames, as `torchaudio.functional.compute_deltas` does.

    Shape:
        (batch, band, frame) to the same.
    """
    slope = torch.tensor([[[-2.0, -1.0, 0.0, 1.0, 2.0]]], dtype=values.dtype) / 10.0
    padded = F.pad(values, (2, 2), mode="replicate").flatten(0, 1).unsqueeze(1)
    return F.conv1d(padded, slope).view(values.shape)


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
                channels.append(deltas(channels[-1]))
        return torch.stack(channels, dim=1)
