"""The input of a Whisper encoder: log mel bands and positions."""

import math

import torch
from torch import Tensor, nn

from ser_pcq.models.torchaudio_loader import torchaudio

N_FFT, HOP = 400, 160
"""Window and step of the log mel bands in samples at 16 kHz."""


class WhisperLogMel(nn.Module):
    """Whisper's own input features.

    Log mel bands, cut at 8 decades (80 dB) under the segment's maximum, scaled to about -1 to 1
    (Radford et al. 2022, section 2.2, and the released feature extractor).

    Args:
        n_mels: Mel bands.
    """

    filters: Tensor
    window: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        filters = torchaudio.functional.melscale_fbanks(
            N_FFT // 2 + 1, 0.0, 8000.0, n_mels, 16_000, norm="slaney", mel_scale="slaney"
        )
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the bands.

        Shape:
            waveform (batch, time) at 16 kHz to (batch, mel, frame), time // 160 frames.
        """
        spectrum = torch.stft(waveform, N_FFT, HOP, window=self.window, return_complex=True)
        power = spectrum[..., :-1].abs().square()  # (batch, bin, frame)
        mel = torch.log10((self.filters.T @ power).clamp_min(1e-10))
        mel = torch.maximum(mel, mel.amax(dim=(1, 2), keepdim=True) - 8.0)
        return (mel + 4.0) / 4.0


def sinusoids(n_frames: int, width: int) -> Tensor:
    """Return Whisper's encoder positions, which are fixed: sines, then cosines, of each frame.

    Periods run from 2π to 20,000π frames (Vaswani et al. 2017, section 3.5, with the two kinds in
    one block each).

    Shape:
        (n_frames, width), of which `width` is even.
    """
    half = width // 2
    rates = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(half))
    angles = torch.arange(n_frames)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
