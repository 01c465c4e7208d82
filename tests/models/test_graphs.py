"""The parts of ONNX graphs, without branches and lists, give what the recognizers do."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.config import ContextConfig
from ser_pcq.models.classifier_onnx import new_session
from ser_pcq.models.encoders.slim_whisper import (
    LowRank,
    Positions,
    SlimShape,
    SlimWhisper,
    plain_shape,
)
from ser_pcq.models.encoders.whisper_input import sinusoids
from ser_pcq.models.linear.statistics import (
    frame_energy,
    loudness_weights,
    statistics_over_time,
)
from ser_pcq.models.onnx_export.encoders import FoldedAttention, PositionsGraph, graph_encoder
from ser_pcq.models.onnx_export.spectra import PowerSpectrum
from ser_pcq.models.onnx_export.statistics import frame_energies, masked_statistics
from ser_pcq.models.onnx_export.translations import pooling_matrix, translations


@pytest.mark.parametrize(
    ("n_fft", "hop"), [(400, 160), (401, 160), (640, 320), (512, 200), (441, 147), (800, 160)]
)
@pytest.mark.parametrize("n_samples", [1600, 1601, 16_000])
def test_spectra_by_products_are_those_of_the_transform(n_fft, hop, n_samples):
    window = torch.hann_window(n_fft - 40)
    sound = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(1))
    spectrum = torch.stft(sound, n_fft, hop, n_fft - 40, window, return_complex=True)
    power = PowerSpectrum(window, n_fft, hop)
    got = power(sound)[:, power.row_of_bin]
    torch.testing.assert_close(got, spectrum.abs().square(), atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("n_in", range(1, 30))
def test_pooling_as_a_product_is_adaptive_pooling(n_in):
    values = torch.randn(3, 2, n_in)
    for n_out in range(1, 12):
        expected = torch.nn.functional.adaptive_avg_pool1d(values, n_out)
        got = values @ torch.from_numpy(pooling_matrix(n_in, n_out))
        torch.testing.assert_close(got, expected)


class _Quotients(torch.nn.Module):
    """Whole quotients of indices and of fractions, (n,) to two of (n,)."""

    def forward(self, values):
        return torch.arange(len(values)) // torch.tensor(3), values // torch.tensor(0.4)


def test_whole_quotients_are_whole_in_a_file():
    values = torch.tensor([0.0, 0.3, 0.4, 1.1, 2.5])
    program = torch.onnx.export(
        _Quotients().eval(),
        (values,),
        dynamo=True,
        custom_translation_table=translations(),
        opset_version=20,
        verbose=False,
    )
    session = new_session(program.model_proto.SerializeToString())
    got = session.run(None, {session.get_inputs()[0].name: values.numpy()})
    for mine, expected in zip(got, _Quotients()(values), strict=True):
        assert mine.tolist() == expected.tolist()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(n_samples=st.integers(3200, 20_000), n_frames=st.integers(1, 60), loud=st.floats(1e-3, 1e3))
def test_energies_are_those_of_the_frames_even_after_a_loud_beginning(n_samples, n_frames, loud):
    sound = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(n_samples))
    sound[:, : n_samples // 2] *= loud
    expected = frame_energy(sound, n_frames)
    energies = frame_energies(sound, n_frames)
    # What lies within 64 samples of a frame may be heard in it at -60 dB.
    torch.testing.assert_close(energies, expected, rtol=1e-4, atol=1e-6 * max(loud, 1) ** 2)
    starts = torch.arange(n_frames) * n_samples // n_frames
    apart = starts >= n_samples // 2 + 64
    torch.testing.assert_close(energies[:, apart], expected[:, apart], rtol=1e-4, atol=0)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(
    speech=st.lists(st.booleans(), min_size=1, max_size=40).filter(any),
    parts=st.integers(1, 5),
    windows=st.lists(st.sampled_from([1, 3, 9, 25]), max_size=3, unique=True),
    lags=st.lists(st.integers(1, 12), max_size=2, unique=True),
    exponent=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_statistics_with_weights_are_those_of_chosen_frames(speech, parts, windows, lags, exponent):
    movement = {"windows": tuple(windows), "lags": tuple(lags)}
    frames = torch.randn(2, 3, len(speech), 5, generator=torch.Generator().manual_seed(parts)) + 2
    other = [True] * len(speech)  # another utterance in the batch
    weights = torch.tensor([speech, other]).float()
    energy = torch.rand(2, len(speech), generator=torch.Generator().manual_seed(7)) + 1e-3
    loud = loudness_weights(energy, exponent) if exponent else torch.ones_like(energy)
    counted = masked_statistics(frames, weights, loud, parts=parts, **movement)
    for one, chosen, own, got in zip(frames, (speech, other), loud, counted, strict=True):
        expected = statistics_over_time(
            one,
            torch.tensor(chosen),
            weights=own if exponent else None,
            parts=parts,
            **movement,
        )
        torch.testing.assert_close(got, expected, atol=2e-3, rtol=1e-4)


class _Encoder:
    """The maps of a slim encoder, of random weights."""

    heads = 4

    def __init__(self, ranks):
        torch.manual_seed(sum(ranks))
        self.query_key = LowRank(32, 64, ranks[0])
        self.value, self.output = LowRank(32, 32, ranks[1]), LowRank(32, 32, ranks[2])
        for bias in (self.query_key.up.bias, self.value.up.bias, self.output.up.bias):
            torch.nn.init.normal_(bias)  # so that a lost one is seen


@pytest.mark.parametrize("ranks", [(3, 5, 7), (16, 12, 20), (1, 1, 1)])
def test_folded_attention_is_attention(ranks):
    encoder = _Encoder(ranks)
    normed = torch.randn(2, 23, 32)
    with torch.inference_mode():
        expected = encoder.output(SlimWhisper.gather(encoder, normed))
        torch.testing.assert_close(FoldedAttention(encoder)(normed), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("feed_forward", [(), (7, 4, 5)])
@pytest.mark.parametrize("layers", [(0, 1), (1, 0), (0,)])
def test_slim_encoders_become_graphs_whatever_is_read(layers, feed_forward):
    torch.manual_seed(0)
    shape = SlimShape(80, 32, 4, conv=(5, 6), attention=(3, 4, 5), feed_forward=feed_forward)
    encoder = SlimWhisper(ContextConfig(), layers, plain_shape(shape)).eval()
    sound = torch.randn(2, 16_037)
    with torch.inference_mode():
        got = graph_encoder(encoder, 20_000)(sound)
        torch.testing.assert_close(got, encoder(sound), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("n_frames", [1, 15, 16, 17, 400])
def test_positions_from_small_tables_are_those_of_whisper(n_frames):
    table = PositionsGraph(Positions(64), 400)(n_frames)
    torch.testing.assert_close(table, sinusoids(n_frames, 64), atol=1e-4, rtol=0)
