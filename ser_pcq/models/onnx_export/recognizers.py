"""The whole path from waveforms to probabilities as one module that becomes an ONNX graph.

The recognizers work on one utterance, in steps that depend on its length and on which frames are
loud. A graph cannot branch, so most of the steps are written here again without branches, for a
batch of utterances of one length. That both ways agree is tested.
"""

import torch
from torch import Tensor, nn

from ser_pcq.errors import SerError
from ser_pcq.models.checkpoint import AnyRecognizer
from ser_pcq.models.frontend import peak_normalise, preemphasise
from ser_pcq.models.linear.recognizer import LinearRecognizer, frame_rate
from ser_pcq.models.linear.statistics import FeatureSet, loudness_weights
from ser_pcq.models.onnx_export.encoders import graph_encoder
from ser_pcq.models.onnx_export.spectra import SpectrogramGraph
from ser_pcq.models.onnx_export.statistics import frame_energies, masked_statistics
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.models.segments import SHORTEST, not_numbers, utterance_scores
from ser_pcq.models.temperature import calibrated


class NetworkGraph(nn.Module):
    """A trained network, from waveforms to probabilities and embeddings.

    Shape:
        (batch, time) at 16 kHz to (batch, class) and (batch, width).
    """

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__()
        self.cutting, self.temperature = recognizer.cutting, recognizer.temperature
        self.frontend, self.network = recognizer.frontend, recognizer.network
        self.spectrogram = SpectrogramGraph(recognizer.frontend)
        self.encoder = None
        if recognizer.encoder is not None:
            self.encoder = graph_encoder(recognizer.encoder, recognizer.cutting.length)

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and embeddings."""
        batch, n_samples = waveforms.shape
        cleaned = self.frontend.clean(waveforms)
        fill = self.frontend.fill
        image = self.cutting.spectrograms(self.spectrogram(cleaned), n_samples, fill)
        n_segments = image.shape[1]
        context = None
        if self.encoder is not None:
            context = self.encoder(self.cutting.waveforms(cleaned).flatten(0, 1))
        features = self.network.features(self.frontend(image.flatten(0, 1)), context)
        scores = utterance_scores(self.network.last(features).view(batch, n_segments, -1))
        embeddings = features.view(batch, n_segments, -1).mean(dim=1)
        probabilities = calibrated(scores, self.temperature).softmax(dim=-1)
        return probabilities + not_numbers(waveforms), embeddings + not_numbers(waveforms)


class LinearGraph(nn.Module):
    """A linear recognizer over an encoder's statistics: waveforms to probabilities and embeddings.

    Shape:
        (batch, time) at 16 kHz to (batch, class) and (batch, width).

    Raises:
        SerError: For openSMILE's functionals, which only openSMILE computes.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, recognizer: LinearRecognizer) -> None:
        super().__init__()
        if recognizer.encoder is None:
            raise SerError(
                "a model over openSMILE's functionals cannot be exported",
                accepted="networks, and linear models over an encoder",
            )
        self.config, self.temperature = recognizer.config, recognizer.temperature
        cutting = self.cutting = recognizer.functionals.cutting
        self.encoder = graph_encoder(recognizer.encoder, max(cutting.length, SHORTEST))
        self.sets = tuple(recognizer.functionals.sets.values())
        self.rate = frame_rate(recognizer.encoder)
        self.classify = recognizer.classify
        self.register_buffer("mean", recognizer.mean)
        self.register_buffer("scale", recognizer.scale)

    def forward(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities and embeddings."""
        frontend = self.config.frontend
        level = peak_normalise(waveforms) if frontend.level == "peak" else waveforms
        cleaned = preemphasise(level, frontend.preemphasis)
        segments = self.cutting.waveforms(cleaned)
        batch, n_segments = segments.shape[:2]
        context = self.encoder(segments.flatten(0, 1))  # (batch * segment, depth, frame, width)
        energy = frame_energies(segments.flatten(0, 1), context.shape[2])
        # All frames of an utterance in a row.
        frames = context.unflatten(0, (batch, n_segments)).transpose(1, 2).flatten(2, 3)
        energy = energy.view(batch, -1)
        features = torch.cat([self._statistics(one, frames, energy) for one in self.sets], dim=1)
        embeddings = (features - self.mean) / self.scale
        probabilities = calibrated(self.classify(embeddings), self.temperature).softmax(dim=-1)
        return probabilities + not_numbers(waveforms), embeddings + not_numbers(waveforms)

    def _statistics(self, chosen: FeatureSet, frames: Tensor, energy: Tensor) -> Tensor:
        """Return one feature set, (batch, feature)."""
        depths = [self.encoder.layers.index(layer) for layer in chosen.layers]
        windows, lags = chosen.times_in_frames(self.rate)
        speech = torch.ones_like(energy)
        if chosen.speech_range > 0:
            floor = energy.amax(dim=1, keepdim=True) * 10.0 ** (-chosen.speech_range / 10.0)
            speech = (energy >= floor).to(energy)
        loudness = torch.ones_like(energy)
        if chosen.loudness > 0:
            loudness = loudness_weights(energy, chosen.loudness)
        pooled = masked_statistics(
            frames[:, depths], speech, loudness, parts=chosen.parts, windows=windows, lags=lags
        )
        return pooled.flatten(1)


def as_graph(recognizer: AnyRecognizer) -> NetworkGraph | LinearGraph:
    """Return the module that computes what a recognizer does without branches.

    Raises:
        SerError: When the recognizer needs more than its waveform and weights.
    """
    if isinstance(recognizer, LinearRecognizer):
        return LinearGraph(recognizer).eval()
    return NetworkGraph(recognizer).eval()
