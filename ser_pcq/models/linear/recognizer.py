"""Linear recognizers: one vector of features for an utterance, and one linear map.

They have the same methods as the network's `Recognizer`, so that a checkpoint, `ser-eval` and
`ser-predict` need not know which of them they have.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import torch
from torch import Tensor, nn

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.config import Config
from ser_pcq.errors import ConfigError
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.frontend import peak_normalise, preemphasise
from ser_pcq.models.info import ParameterCounts
from ser_pcq.models.linear import LINEAR
from ser_pcq.models.linear.classifier import LinearClassifier
from ser_pcq.models.linear.opensmile import OpenSmileFunctionals
from ser_pcq.models.linear.statistics import (
    FeatureSet,
    frame_energy,
    loudness_weights,
    speech_frames,
    statistics_over_time,
)
from ser_pcq.models.segments import SHORTEST, Cutting, not_numbers
from ser_pcq.models.temperature import calibrated


def candidate_features(config: Config, layers: tuple[int, ...]) -> dict[str, FeatureSet]:
    """Return the ways to summarise an encoder's output that the configuration offers.

    Args:
        config: The configuration.
        layers: The encoder's layers, each by itself or all together, as the recognizer reads them.

    Returns:
        Name to feature set.
    """
    apart = LINEAR[config.model.name].layers == "one"
    choices = [(k,) for k in layers] if apart else [layers]
    statistics = config.statistics
    sets = [
        FeatureSet(choice, speech_range, parts, statistics.windows, statistics.lags, loudness)
        for choice in choices
        for speech_range in statistics.speech_ranges
        for loudness in statistics.loudness
        for parts in statistics.parts
    ]
    return {one.name: one for one in sets}


def with_features(config: Config, chosen: Sequence[FeatureSet]) -> tuple[Config, tuple[int, ...]]:
    """Return the configuration with some of its candidates only, and the layers that they need."""
    statistics = dataclasses.replace(
        config.statistics,
        speech_ranges=tuple(dict.fromkeys(one.speech_range for one in chosen)),
        parts=tuple(dict.fromkeys(one.parts for one in chosen)),
        loudness=tuple(dict.fromkeys(one.loudness for one in chosen)),
    )
    layers = tuple(dict.fromkeys(layer for one in chosen for layer in one.layers))
    return dataclasses.replace(config, statistics=statistics), layers


def frame_rate(encoder: ContextEncoder) -> float:
    """Return an encoder's frames in a second; of ten, as the last frame may be a part."""
    return encoder.n_frames(10 * SAMPLE_RATE) / 10


def check_times(config: Config, encoder: ContextEncoder) -> None:
    """Refuse windows and lags that are the same number of frames, or windows of one frame.

    Raises:
        ConfigError: For these.
    """
    rate = frame_rate(encoder)
    (one, *_) = candidate_features(config, encoder.layers).values()
    windows, lags = one.times_in_frames(rate)
    for key, given, frames, least in (
        ("statistics.windows", one.windows, windows, 3),
        ("statistics.lags", one.lags, lags, 1),
    ):
        if len(set(frames)) < len(frames) or min(frames, default=least) < least:
            raise ConfigError(
                f"{key} are too short or too alike for this encoder",
                given=f"{list(given)} s, which are {list(frames)} of its frames",
                accepted=f"{least} or more frames of {1000 / rate:.0f} ms, each number once",
            )


class Functionals:
    """Waveform to one vector for each feature set of a linear recognizer.

    Args:
        config: The configuration; `model.name` names the kind.
        encoder: The context encoder whose frames are summed up; None for openSMILE's functionals.
    """

    def __init__(self, config: Config, encoder: ContextEncoder | None) -> None:
        self.config, self.encoder = config, encoder
        self.cutting = Cutting.of(config)
        self.smile: OpenSmileFunctionals | None = None
        self.sets: dict[str, FeatureSet] = {}
        opensmile = LINEAR[config.model.name].opensmile
        if encoder is not None:
            encoder.fit_length(max(self.cutting.length, SHORTEST))
            self.sets = candidate_features(config, encoder.layers)
        elif opensmile is not None:
            self.smile = OpenSmileFunctionals(opensmile)
        else:
            raise ConfigError("this linear recognizer needs an encoder", given=config.model.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The feature sets, in the order in which they are given."""
        return tuple(self.sets) if self.smile is None else (self.smile.name,)

    def fingerprint(self) -> str:
        """Return what the values depend on, except the waveform."""
        frontend, segment = self.config.frontend, self.config.segment
        source = LINEAR[self.config.model.name].opensmile
        if self.smile is not None:
            source = f"{source} {version('opensmile')}"
        if self.encoder is not None:
            cut = f"{segment.duration} {segment.padding} {frontend.hop_length}"
            source = f"{self.encoder.fingerprint()} {cut} {sorted(self.sets)}"
        return f"{source} {frontend.level} {frontend.preemphasis}"

    def __call__(self, waveform: Tensor) -> dict[str, Tensor]:
        """Return the features of an utterance, by the name of their set.

        Shape:
            waveform (time,) at 16 kHz to (feature,) for each set: the functionals of openSMILE, or
            the statistics of an encoder over all frames of all segments.
        """
        return self.of_all([waveform])[0]

    @torch.inference_mode()
    def of_all(self, waveforms: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """Return the features of several utterances, as one call for each of them would.

        Args:
            waveforms: Each (time,) at 16 kHz. Their segments of one length are encoded together.
        """
        if (smile := self.smile) is not None:
            heard = [smile(self._clean(waveform).numpy()) for waveform in waveforms]
            return [{smile.name: torch.from_numpy(one).float()} for one in heard]
        encoded = self._encode([self.segments(waveform) for waveform in waveforms])
        return [
            {name: self._statistics(one, *frames) for name, one in self.sets.items()}
            for frames in encoded
        ]

    def _clean(self, waveform: Tensor) -> Tensor:
        """Bring the recording to its level, and apply pre-emphasis; (time,) to the same."""
        frontend = self.config.frontend
        cleaned = peak_normalise(waveform) if frontend.level == "peak" else waveform
        return preemphasise(cleaned, frontend.preemphasis)

    def segments(self, waveform: Tensor) -> Tensor:
        """Return the segments of an utterance, as an encoder gets them.

        Shape:
            waveform (time,) at 16 kHz to (segment, time).
        """
        return self.cutting.waveforms(self._clean(waveform).unsqueeze(0))[0].contiguous()

    def _encode(self, utterances: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the frames of all segments, (depth, frame, width), and their energy, (frame,).

        Shape:
            utterances, each (segment, time).
        """
        assert self.encoder is not None
        device = next(self.encoder.parameters()).device
        # An encoder sees every frame of a segment, so none is padded to the length of another.
        by_length: dict[int, list[int]] = {}
        for k, segments in enumerate(utterances):
            by_length.setdefault(segments.shape[1], []).append(k)
        encoded: dict[int, Tensor] = {}
        for same in by_length.values():
            together = torch.cat([utterances[k] for k in same])
            parts = [self.encoder(part.to(device)).cpu() for part in together.split(16)]
            sizes = [len(utterances[k]) for k in same]
            encoded.update(zip(same, torch.cat(parts).split(sizes), strict=True))
        for k, segments in enumerate(utterances):
            context = encoded.pop(k)
            energy = frame_energy(segments, context.shape[2])
            yield context.transpose(0, 1).flatten(1, 2), energy.flatten()

    def _statistics(self, chosen: FeatureSet, frames: Tensor, energy: Tensor) -> Tensor:
        """Return one feature set, (feature,): layer after layer."""
        assert self.encoder is not None
        depths = [self.encoder.layers.index(layer) for layer in chosen.layers]
        windows, lags = chosen.times_in_frames(frame_rate(self.encoder))
        speech = speech_frames(energy, chosen.speech_range)
        weights = loudness_weights(energy, chosen.loudness) if chosen.loudness else None
        return statistics_over_time(
            frames[depths], speech, weights=weights, parts=chosen.parts, windows=windows, lags=lags
        ).flatten()


class LinearRecognizer(nn.Module):
    """A fitted linear recognizer: features, standardisation and a linear map.

    Args:
        config: The configuration, with those ways alone to sum an encoder's frames up that the
            classifier was fitted on (`with_features`).
        labels: The emotions, in the order of the logits.
        encoder: The context encoder, reading the layers of the features alone; None for openSMILE.
        n_features: Length of the vector of features, all sets together.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        config: Config,
        labels: tuple[str, ...],
        encoder: ContextEncoder | None,
        n_features: int,
    ) -> None:
        super().__init__()
        self.config, self.labels, self.encoder = config, labels, encoder
        self.temperature = 1.0
        self.functionals = Functionals(config, encoder)
        self.classify = nn.Linear(n_features, len(labels)).requires_grad_(False)
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(n_features))

    def load_classifier(self, classifier: LinearClassifier) -> None:
        """Copy a fitted classifier into this module."""
        with torch.no_grad():
            self.mean.copy_(torch.from_numpy(classifier.mean))
            self.scale.copy_(torch.from_numpy(classifier.scale))
            self.classify.weight.copy_(torch.from_numpy(classifier.weight))
            self.classify.bias.copy_(torch.from_numpy(classifier.bias))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits, (batch, feature) to (batch, class), before the temperature."""
        return self.classify(self.standardised(features))

    def standardised(self, features: Tensor) -> Tensor:
        """Return what enters the linear map, (batch, feature) to the same."""
        return (features - self.mean) / self.scale

    @torch.inference_mode()
    def batch_outputs(self, waveforms: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Score and embed utterances together; one sample that is no number makes all of it NaN.

        Shape:
            waveforms, each (time,) at 16 kHz, to (utterance, class) log-probabilities and
            (utterance, width) embeddings, both on the CPU.
        """
        heard = [waveform.cpu() for waveform in waveforms]
        nothing = torch.stack([not_numbers(one) for one in heard])
        if self.encoder is not None:  # openSMILE refuses such samples itself
            heard = [torch.where(one.isfinite(), one, 0.0) for one in heard]
        values = self.functionals.of_all(heard)
        features = torch.stack([torch.cat(list(one.values())) for one in values])
        embeddings = self.standardised(features.to(self.mean.device))
        # One by one: what a product of matrices rounds to depends on how many rows it has.
        rows = [self.classify(row.unsqueeze(0)) for row in embeddings]
        scores = calibrated(torch.cat(rows).cpu(), self.temperature).log_softmax(dim=-1)
        return scores + nothing, embeddings.cpu() + nothing

    def batch_log_probabilities(self, waveforms: Sequence[Tensor]) -> Tensor:
        """Score utterances together: the first of `batch_outputs`."""
        return self.batch_outputs(waveforms)[0]

    def log_probabilities(self, waveform: Tensor) -> Tensor:
        """Score one utterance.

        Shape:
            waveform (time,) at 16 kHz to (class,) log-probabilities on the CPU.
        """
        return self.batch_log_probabilities([waveform])[0]

    @property
    def n_features(self) -> int:
        """Length of the vector of features, all sets together."""
        return self.mean.numel()

    width = n_features
    """Length of an embedding."""

    def parameter_counts(self) -> ParameterCounts:
        """Return the number of parameters of the encoder and of the linear map."""
        encoder = [] if self.encoder is None else list(self.encoder.parameters())
        linear = [*self.classify.parameters(), self.mean, self.scale]
        return ParameterCounts(
            encoder=sum(p.numel() for p in encoder), network=sum(p.numel() for p in linear)
        )
