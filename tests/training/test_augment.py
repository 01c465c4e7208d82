"""Augmentation does what its name says, measured on the sound."""

import pytest
import torch

from ser_pcq.config import AugmentConfig
from ser_pcq.training.copies.make import add_noise, augmented_copies
from ser_pcq.training.copies.voice import change_speed, change_tempo, change_voice
from ser_pcq.training.network.augment import Batch, augment_batch

RATE = 16_000


def tone(frequency: float = 440.0, seconds: float = 1.0) -> torch.Tensor:
    return torch.sin(2 * torch.pi * frequency * torch.arange(int(RATE * seconds)) / RATE)


def pitch(waveform: torch.Tensor) -> float:
    spectrum = torch.fft.rfft(waveform * torch.hann_window(waveform.shape[0])).abs()
    return float(spectrum.argmax()) * RATE / waveform.shape[0]


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_changes_length_and_pitch(factor):
    changed = change_speed(tone(), factor)
    assert changed.shape[0] == pytest.approx(RATE / factor, rel=0.01)
    assert pitch(changed) == pytest.approx(440 * factor, rel=0.01)


@pytest.mark.parametrize("factor", [0.8, 1.25])
def test_tempo_changes_length_and_keeps_pitch(factor):
    changed = change_tempo(tone(), factor)
    assert changed.shape[0] == pytest.approx(RATE / factor, rel=0.01)
    assert pitch(changed) == pytest.approx(440, rel=0.02)


@pytest.mark.parametrize(("factor", "tempo"), [(0.85, 1.1), (1.2, 0.9), (1.1, 1.1)])
def test_another_voice_has_its_own_pitch_and_its_own_tempo(factor, tempo):
    changed = change_voice(tone(), factor, tempo)
    assert changed.shape[0] == pytest.approx(RATE / tempo, rel=0.02)
    assert pitch(changed) == pytest.approx(440 * factor, rel=0.02)


def test_voices_stay_in_their_range_and_differ():
    config = AugmentConfig(voices=6, voice_range=0.1)
    first, again = (augmented_copies(tone(), config, seed=1)[1:] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    pitches = {round(pitch(copy)) for copy in first}
    assert len(pitches) > 3
    # Rounded to a hundredth, and read off a spectrum.
    assert all(440 * 0.88 < p < 440 * 1.13 for p in pitches)
    assert all(RATE * 0.88 < copy.shape[0] < RATE * 1.13 for copy in first)


@pytest.mark.parametrize("snr", [0.0, 20.0])
def test_noise_has_the_stated_level(snr):
    clean = tone()
    noise = add_noise(clean, snr, torch.Generator().manual_seed(0)) - clean
    measured = 10 * torch.log10(clean.square().mean() / noise.square().mean())
    assert measured.item() == pytest.approx(snr, abs=0.5)


def test_copies_are_reproducible_and_keep_the_original_first():
    config = AugmentConfig(speeds=(0.9, 1.1), noise_snr=(10.0,))
    first, again = (augmented_copies(tone(), config, seed=3) for _ in range(2))
    assert len(first) == 4
    assert torch.equal(first[0], tone())
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    other = augmented_copies(tone(), config, seed=4)
    assert not torch.equal(first[3], other[3])


# What is normal for each band: another value in each.
MIDDLE = torch.arange(40.0).view(1, 40, 1) / 100


def batch(n: int = 64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    target = torch.nn.functional.one_hot(torch.arange(n) % 4, 4).float()
    return Batch(
        torch.randn(n, 1, 40, 100, generator=generator),
        None,
        torch.randn(n, 2, 50, 8, generator=generator),
        target,
    )


def test_nothing_is_changed_at_the_defaults():
    before = batch()
    after = augment_batch(before, AugmentConfig(), MIDDLE)
    assert after.spectrogram is before.spectrogram
    assert after.context is before.context


def test_masks_hide_at_most_their_share_and_leave_context_means_in_place():
    before = batch()
    after = augment_batch(before, AugmentConfig(frequency_mask=0.3, time_mask=0.2), MIDDLE)
    assert after.context is not None
    assert before.context is not None
    rows = (after.spectrogram != before.spectrogram).all(dim=3)[:, 0].float().mean(1)
    assert rows.max() <= 0.3 + 1 / 40
    assert rows.max() > 0.1
    changed = after.spectrogram != before.spectrogram
    normal = MIDDLE.expand_as(before.spectrogram)
    assert torch.equal(after.spectrogram[changed], normal[changed])
    hidden = (after.context != before.context).all(dim=3)[:, 0].float().mean(1)
    assert hidden.max() <= 0.2 + 1 / 50
    mean = before.context.mean(dim=2, keepdim=True).expand_as(before.context)
    changed = after.context != before.context
    assert torch.allclose(after.context[changed], mean[changed])


def test_mixup_keeps_distributions_and_mixes_everything_alike():
    torch.manual_seed(0)
    before = batch()
    after = augment_batch(before, AugmentConfig(mixup=0.5), MIDDLE)
    assert torch.allclose(after.target.sum(1), torch.ones(64))
    assert ((after.target > 0).sum(1) == 2).any()
    # The same two items in the same shares: the shares of the targets explain the spectrogram.
    i = int(((after.target > 0).sum(1) == 2).nonzero()[0])
    share = after.target[i, before.target[i].argmax()]
    rest = (after.spectrogram[i] - share * before.spectrogram[i]) / (1 - share)
    nearest = (before.spectrogram - rest).abs().amax(dim=(1, 2, 3))
    assert nearest.min() < 1e-3
    assert before.target[nearest.argmin()].argmax() != before.target[i].argmax()
