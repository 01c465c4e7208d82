"""The same words spoken faster, slower, or by another voice."""

import torch
from torch import Tensor

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.models.torchaudio_loader import torchaudio


def change_speed(waveform: Tensor, factor: float) -> Tensor:
    """Play a waveform `factor` times as fast; its pitch moves along.

    Shape:
        waveform (time,) to (about time / factor,).
    """
    faster: Tensor = torchaudio.functional.speed(waveform, SAMPLE_RATE, factor)[0]
    return faster


def change_tempo(waveform: Tensor, factor: float) -> Tensor:
    """Speak `factor` times as fast at the same pitch (phase vocoder).

    Shape:
        waveform (time,) to (about time / factor,).
    """
    # Imported here: it brings numba along, which takes seconds.
    from librosa.effects import time_stretch

    return torch.from_numpy(time_stretch(waveform.numpy(), rate=factor))


def change_voice(waveform: Tensor, pitch: float, tempo: float) -> Tensor:
    """Speak in another voice: pitch and formants `pitch` times as high, `tempo` times as fast.

    A head that is smaller moves both alike (vocal tract length perturbation, Jaitly and Hinton
    2013, does so to the spectrum); the tempo is restored, and changed, by the phase vocoder.

    Shape:
        waveform (time,) to (about time / tempo,).
    """
    # In steps of a hundredth: the resampler's filters stay short.
    moved = change_speed(waveform, round(pitch, 2))
    rate = tempo / round(pitch, 2)
    # A vocoder blurs even at a factor near 1.
    return change_tempo(moved, rate) if abs(rate - 1) > 0.01 else moved
