"""Spectra by products of matrices: every runtime computes those fast, few a Fourier transform."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ser_pcq.models.encoders.whisper_input import HOP, N_FFT, WhisperLogMel
from ser_pcq.models.frontend import FLOOR, Frontend
from ser_pcq.models.onnx_export.statistics import squared


class PowerSpectrum(nn.Module):
    """Squared magnitudes of a centred short-time Fourier transform.

    A transform of N = step * n points, where the step divides the hop too, is made in two (Cooley
    and Tukey 1965): one of n points over every step-th sample, which is a convolution with a
    stride, the window within its kernels; then one of `step` points over its outcomes, turned by
    their phases, which is a product for each of its bins. For 400 points and a hop of 160 the step
    is 16, and that is a seventh of the multiplications of one product. Where the two share no
    divisor it is one product.

    Args:
        window: Analysis window, (win_length,); in the middle of the transform when it is shorter.
        n_fft: Points of the transform.
        hop: Samples between frames.

    Attributes:
        row_of_bin: The row of the output that holds each of the bins 0 to n_fft // 2, (bin,).

    Shape:
        (batch, time) to (batch, row, frame): time // hop + 1 frames where `n_fft` is even.
    """

    kernels: Tensor
    turns: Tensor

    def __init__(self, window: Tensor, n_fft: int, hop: int) -> None:
        super().__init__()
        self.n_fft, self.hop, self.step = n_fft, hop, _step(n_fft, hop)
        step, n = self.step, n_fft // self.step
        # Sample step * tap + phase of a frame, bin low + n * high. The bins over low = n / 2
        # mirror those under it.
        tap, phase, low, high = (
            torch.arange(size).double() for size in (n, step, n // 2 + 1, step)
        )
        before = (n_fft - len(window)) // 2
        padded = F.pad(window, (before, n_fft - len(window) - before)).double()
        turned = (2 * math.pi / n) * torch.outer(low, tap)
        waves = torch.stack([turned.cos(), -turned.sin()])  # (re/im, low, tap)
        kernels = waves * padded.view(n, step).T[:, None, None]  # (phase, re/im, low, tap)
        self.register_buffer("kernels", kernels.reshape(-1, 1, n).float())
        bins = low[:, None] + n * high  # (low, high)
        angles = (2 * math.pi / n_fft) * bins[:, :, None] * phase
        cosine, sine = angles.cos(), angles.sin()
        real, imaginary = torch.stack([cosine, sine], 3), torch.stack([-sine, cosine], 3)
        turns = torch.stack([real, imaginary], 1)  # (low, re/im of the bin, high, phase, re/im)
        self.register_buffer("turns", turns.reshape(len(low), 2 * step, 2 * step).float())
        bins = bins.flatten().long()
        row_of_bin = torch.empty(n_fft, dtype=torch.long)
        row_of_bin[n_fft - bins[bins > 0]] = torch.arange(len(bins))[bins > 0]
        row_of_bin[bins] = torch.arange(len(bins))
        self.row_of_bin = row_of_bin[: n_fft // 2 + 1]

    def forward(self, waveforms: Tensor) -> Tensor:
        """Apply the transform; the ends are mirrored, as `torch.stft` does."""
        step, middle = self.step, self.n_fft // 2
        mirrored = F.pad(waveforms.unsqueeze(1), (middle, middle), mode="reflect").squeeze(1)
        # No frame reaches into what is left over behind the last whole step.
        n_steps = (waveforms.shape[1] + 2 * middle) // step
        columns = mirrored.narrow(1, 0, n_steps * step).unflatten(1, (n_steps, step))
        first = F.conv1d(
            columns.transpose(1, 2), self.kernels, stride=self.hop // step, groups=step
        )  # (batch, phase re/im low, frame)
        of_each = first.unflatten(1, (step, 2, -1)).permute(0, 3, 1, 2, 4).flatten(2, 3)
        real, imaginary = (self.turns @ of_each).chunk(2, dim=2)  # (batch, low, high, frame)
        return (squared(real) + squared(imaginary)).flatten(1, 2)

    def spread(self, filters: Tensor) -> Tensor:
        """Return filters of bins, (band, bin), as filters of rows, (band, row)."""
        spread = filters.new_zeros(len(filters), self.turns.shape[0] * self.step)
        spread[:, self.row_of_bin] = filters
        return spread


def _step(n_fft: int, hop: int) -> int:
    """Return the divisor of both that takes the fewest multiplications."""
    shared = math.gcd(n_fft, hop)

    def multiplications(step: int) -> int:
        n_low = n_fft // step // 2 + 1
        return 2 * n_low * n_fft + n_low * (2 * step) ** 2

    return min((k for k in range(1, shared + 1) if shared % k == 0), key=multiplications)


class WhisperLogMelGraph(nn.Module):
    """`WhisperLogMel` over a `PowerSpectrum`; (batch, time) to (batch, mel, frame)."""

    filters: Tensor

    def __init__(self, original: WhisperLogMel) -> None:
        super().__init__()
        self.power = PowerSpectrum(original.window, N_FFT, HOP)
        self.register_buffer("filters", self.power.spread(original.filters.T))

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
            spectrum = PowerSpectrum(hamming, config.n_fft, config.hop_length)
            self.spectra.append(spectrum)
            self.rows = spectrum.row_of_bin[: config.n_bins]
            return
        mel: Any
        for k, mel in enumerate(frontend.mels):
            window, n_fft = mel.spectrogram.window, mel.spectrogram.n_fft
            spectrum = PowerSpectrum(window, n_fft, config.hop_length)
            self.spectra.append(spectrum)
            self.register_buffer(f"filters_{k}", spectrum.spread(mel.mel_scale.fb.T))
            self.filters.append(f"filters_{k}")

    def forward(self, cleaned: Tensor) -> Tensor:
        """Return raw spectrograms."""
        cleaned = F.pad(cleaned, (0, torch.sym_max(self.shortest - cleaned.shape[1], 0)))
        if self.config.kind == "published":
            magnitude = self.spectra[0](cleaned).sqrt()
            reference = magnitude.amax(dim=(1, 2), keepdim=True).clamp_min(FLOOR)
            decibels = 20 * torch.log10((magnitude / reference).clamp_min(1e-5))
            return decibels.index_select(1, self.rows).unsqueeze(1)
        channels: list[Tensor] = []
        for spectrum, name in zip(self.spectra, self.filters, strict=True):
            mel = self.get_buffer(name) @ spectrum(cleaned)
            channels.append(torch.log(mel.clamp_min(FLOOR)))
            for _ in range(self.config.deltas):
                channels.append(deltas(channels[-1]))
        return torch.stack(channels, dim=1)
