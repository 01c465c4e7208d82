"""Segments: nothing lost, nothing invented, and the published quirks where they are asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import cutting

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.models.segments import SHORTEST, Cutting, utterance_log_probabilities

LENGTH, HOP = 480, 16
SIZES = st.integers(1, 5 * LENGTH)


def cut_all(waveform: torch.Tensor, padding: str) -> torch.Tensor:
    return Cutting(LENGTH, HOP, padding).waveforms(waveform[None])[0]


@given(SIZES)
def test_zero_padded_segments_laid_end_to_end_give_the_utterance_back(n):
    waveform = torch.arange(1, n + 1).float()
    segments = cut_all(waveform, "zero")
    laid = segments.flatten()
    assert torch.equal(laid[:n], waveform)
    assert laid[n:].abs().sum() == 0
    assert laid.shape[0] - n < LENGTH


@given(SIZES)
def test_repeated_segments_cover_every_sample_and_hold_nothing_else(n):
    waveform = torch.arange(1, n + 1).float()
    segments = cut_all(waveform, "repeat")
    assert torch.equal(segments.unique(), waveform)
    assert segments.shape[0] == -(-n // LENGTH)


@given(st.integers(SHORTEST, 16 * SHORTEST))
def test_without_padding_equal_parts_hold_the_utterance_and_nothing_else(n):
    length = 4 * SHORTEST
    waveform = torch.arange(1, n + 1).float()
    cut = Cutting(length, HOP, "none")
    pieces = list(cut.waveforms(waveform[None])[0])
    assert len(pieces) == -(-n // length)
    assert len({len(piece) for piece in pieces}) == 1
    assert max(map(len, pieces)) <= length
    assert (cut.places(n).start % HOP == 0).all()
    heard = torch.cat(pieces).unique()
    assert n - len(heard) < HOP  # of a long one less than a step is left at its end
    assert torch.equal(heard, waveform[: len(heard)])
    assert sum(map(len, pieces)) - len(heard) <= HOP * len(pieces)
    frames = cut.spectrograms(torch.zeros(1, 1, 4, n // HOP + 1), n, 0.0)
    assert frames.shape == (1, len(pieces), 1, 4, -(-len(pieces[0]) // HOP))


@given(st.integers(1, SHORTEST - 1))
def test_without_padding_only_what_is_too_short_is_repeated(n):
    (piece,) = Cutting(LENGTH * 100, HOP, "none").waveforms(torch.arange(1, n + 1).float()[None])[0]
    assert len(piece) == SHORTEST
    assert torch.equal(piece, torch.arange(SHORTEST) % n + 1.0)


@given(SIZES)
@settings(max_examples=50)
def test_starts_lie_on_the_frame_grid_and_inside(n):
    for padding in ("repeat", "zero", "published"):
        places = Cutting(LENGTH, HOP, padding).places(n)
        assert places.size == LENGTH
        for start, n_valid in zip(places.start.tolist(), places.n_valid.tolist(), strict=True):
            assert start % HOP == 0
            assert 0 <= n_valid <= LENGTH
            assert start + n_valid <= n or n_valid == 0


def test_published_quirk_one_segment_more_at_exact_multiples():
    assert len(cut_all(torch.ones(2 * LENGTH), "published")) == 3
    assert len(cut_all(torch.ones(2 * LENGTH), "zero")) == 2
    assert cut_all(torch.ones(LENGTH), "published")[1].abs().sum() == 0


def test_published_quirk_waveform_padded_in_front_spectrogram_behind():
    segment = cut_all(torch.ones(100), "published")[0]
    assert segment[:-100].abs().sum() == 0
    assert (segment[-100:] == 1).all()
    spectrogram = -50 * torch.ones(1, 3, 7)
    frames = Cutting(LENGTH, HOP, "published").spectrograms(spectrogram[None], 100, 0.0)[0, 0]
    assert (frames[..., :7] == -50).all()
    assert (frames[..., 7:] == 0).all()


@pytest.mark.parametrize("padding", ["repeat", "zero", "published"])
@pytest.mark.parametrize("n", [1, 15, 16, 479, 480, 481, 1000, 1440])
def test_frames_are_cut_where_the_waveform_is(padding, n):
    # A spectrogram whose value is the frame's own time shows where a segment was cut.
    spectrogram = torch.arange(n // HOP + 1).float().expand(2, 3, -1)
    cut = Cutting(LENGTH, HOP, padding)
    places = cut.places(n)
    segments = cut.spectrograms(spectrogram[None], n, -1.0)[0]
    assert segments.shape == (len(places.start), 2, 3, LENGTH // HOP)
    for frames, start, n_valid in zip(segments, places.start, places.n_valid, strict=True):
        if n_valid:
            assert frames[0, 0, 0] == start // HOP


@pytest.mark.parametrize("padding", ["repeat", "zero", "published", "none"])
@pytest.mark.parametrize("n_samples", [1600, 3199, 4800, 15_999, 16_000, 16_001, 48_000, 50_321])
def test_batches_are_cut_as_one_segment_after_the_other(padding, n_samples):
    length, hop = 16_000, 160
    waveform = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(n_samples))
    cut = Cutting(length, hop, padding)
    for one, got in zip(waveform, cut.waveforms(waveform), strict=True):
        assert torch.equal(got, cutting.waveforms(one, length, hop, padding))
    spectrogram = torch.randn(2, 1, 5, n_samples // hop + 1)
    frames = cut.spectrograms(spectrogram, n_samples, -7.0)
    for one, got in zip(spectrogram, frames, strict=True):
        expected = cutting.spectrograms(one, n_samples, length, hop, padding, -7.0)
        assert torch.equal(got, expected)


@pytest.mark.parametrize("hop", [160, 240, 256, 2000])
@pytest.mark.parametrize("n_samples", [1600, 1601, 1999, 3200, 3201, 16_001, 33_000])
def test_whole_recordings_are_cut_on_any_grid(hop, n_samples):
    length = 4 * SAMPLE_RATE // hop * hop
    waveform = torch.randn(1, n_samples, generator=torch.Generator().manual_seed(hop))
    cut = Cutting(length, hop, "none").waveforms(waveform)
    assert torch.equal(cut[0], cutting.waveforms(waveform[0], length, hop, "none"))


@pytest.mark.parametrize("padding", ["repeat", "zero", "published", "none"])
@pytest.mark.parametrize("length", [1600, 3200, 4800, 6400])
@given(n_samples=st.integers(1, 20_000))
@settings(max_examples=25, deadline=None)
def test_short_segments_and_recordings_of_any_length_are_cut_the_same(padding, length, n_samples):
    waveform = torch.arange(1.0, n_samples + 1)
    cut = Cutting(length, 160, padding).waveforms(waveform[None])
    assert torch.equal(cut[0], cutting.waveforms(waveform, length, 160, padding))


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=40)
def test_utterance_score_is_a_distribution_and_ignores_segment_order(n, seed):
    logits = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))
    score = utterance_log_probabilities(logits)
    assert score.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(score, utterance_log_probabilities(logits.flip(0)), atol=1e-6)
    assert score.argmax() == logits.log_softmax(-1).mean(0).argmax()
