"""Segments: nothing lost, nothing invented, and the published quirks where they are asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.models.segments import (
    SHORTEST,
    cut_frames,
    cut_waveform,
    segment_spans,
    utterance_log_probabilities,
)

LENGTH, HOP = 480, 16
SIZES = st.integers(1, 5 * LENGTH)


def cut_all(waveform: torch.Tensor, padding: str) -> torch.Tensor:
    spans = segment_spans(waveform.shape[0], LENGTH, HOP, padding)
    return torch.stack([cut_waveform(waveform, span, LENGTH, padding) for span in spans])


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
    spans = segment_spans(n, length, HOP, "none")
    pieces = [cut_waveform(waveform, span, length, "none") for span in spans]
    assert len(pieces) == -(-n // length)
    assert len({len(piece) for piece in pieces}) == 1
    assert max(map(len, pieces)) <= length
    assert all(span.start % HOP == 0 for span in spans)
    heard = torch.cat(pieces).unique()
    assert n - len(heard) < HOP  # of a long one less than a step is left at its end
    assert torch.equal(heard, waveform[: len(heard)])
    assert sum(map(len, pieces)) - len(heard) <= HOP * len(pieces)
    frames = cut_frames(torch.zeros(1, 4, n // HOP + 1), spans[0], length, HOP, "none", 0.0)
    assert frames.shape[-1] == -(-len(pieces[0]) // HOP)


@given(st.integers(1, SHORTEST - 1))
def test_without_padding_only_what_is_too_short_is_repeated(n):
    (span,) = segment_spans(n, LENGTH * 100, HOP, "none")
    piece = cut_waveform(torch.arange(1, n + 1).float(), span, LENGTH * 100, "none")
    assert len(piece) == SHORTEST
    assert torch.equal(piece, torch.arange(SHORTEST) % n + 1.0)


@given(SIZES)
@settings(max_examples=50)
def test_starts_lie_on_the_frame_grid_and_inside(n):
    for padding in ("repeat", "zero", "published"):
        for span in segment_spans(n, LENGTH, HOP, padding):
            assert span.start % HOP == 0
            assert 0 <= span.n_valid <= LENGTH
            assert span.start + span.n_valid <= n or span.n_valid == 0


def test_published_quirk_one_segment_more_at_exact_multiples():
    assert len(segment_spans(2 * LENGTH, LENGTH, HOP, "published")) == 3
    assert len(segment_spans(2 * LENGTH, LENGTH, HOP, "zero")) == 2
    assert cut_all(torch.ones(LENGTH), "published")[1].abs().sum() == 0


def test_published_quirk_waveform_padded_in_front_spectrogram_behind():
    segment = cut_all(torch.ones(100), "published")[0]
    assert segment[:-100].abs().sum() == 0
    assert (segment[-100:] == 1).all()
    spectrogram = -50 * torch.ones(1, 3, 7)
    span = segment_spans(100, LENGTH, HOP, "published")[0]
    frames = cut_frames(spectrogram, span, LENGTH, HOP, "published", 0.0)
    assert (frames[..., :7] == -50).all()
    assert (frames[..., 7:] == 0).all()


@pytest.mark.parametrize("padding", ["repeat", "zero", "published"])
@pytest.mark.parametrize("n", [1, 15, 16, 479, 480, 481, 1000, 1440])
def test_frames_are_cut_where_the_waveform_is(padding, n):
    # A spectrogram whose value is the frame's own time shows where a segment was cut.
    spectrogram = torch.arange(n // HOP + 1).float().expand(2, 3, -1)
    for span in segment_spans(n, LENGTH, HOP, padding):
        frames = cut_frames(spectrogram, span, LENGTH, HOP, padding, -1.0)
        assert frames.shape == (2, 3, LENGTH // HOP)
        if span.n_valid:
            assert frames[0, 0, 0] == span.start // HOP


@given(st.integers(1, 6), st.integers(0, 1000))
@settings(max_examples=40)
def test_utterance_score_is_a_distribution_and_ignores_segment_order(n, seed):
    logits = torch.randn(n, 5, generator=torch.Generator().manual_seed(seed))
    score = utterance_log_probabilities(logits)
    assert score.exp().sum().item() == pytest.approx(1, abs=1e-5)
    assert torch.allclose(score, utterance_log_probabilities(logits.flip(0)), atol=1e-6)
    assert score.argmax() == logits.log_softmax(-1).mean(0).argmax()
