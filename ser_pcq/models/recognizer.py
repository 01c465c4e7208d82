"""The whole system as one module: waveform in, logits out.

Frontend, encoder and network with everything that was fitted, so that one `state_dict` holds all of
it and training, evaluation and prediction go through the same code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ser_pcq.config import Config
from ser_pcq.errors import ConfigError
from ser_pcq.models.encoders.context import ContextEncoder
from ser_pcq.models.frontend import Frontend
from ser_pcq.models.info import ParameterCounts
from ser_pcq.models.registry import NETWORKS
from ser_pcq.models.segments import Cutting, not_numbers, utterance_log_probabilities


@dataclass(frozen=True)
class Segments:
    """The segments of one utterance.

    Attributes:
        spectrogram: Raw spectrograms, (segment, channel, frequency, frame).
        waveform: Cleaned waveforms, (segment, time).
    """

    spectrogram: Tensor
    waveform: Tensor


class Recognizer(nn.Module):
    """Frontend, context encoder and network.

    Args:
        config: The configuration.
        labels: The emotions, in the order of the logits.
        encoder: The context encoder; None without context.

    Raises:
        ConfigError: When the segment length does not fit the frame step.
    """

    def __init__(
        self, config: Config, labels: tuple[str, ...], encoder: ContextEncoder | None
    ) -> None:
        super().__init__()
        self.config = config
        self.labels = labels
        # Of the utterance's probabilities; fitted on validation speakers where there are any.
        self.temperature = 1.0
        cutting = self.cutting = Cutting.of(config)
        if cutting.length % cutting.hop:
            raise ConfigError(
                "segment.duration is not a multiple of the frame step",
                given=f"{cutting.length} samples with frontend.hop_length = {cutting.hop}",
            )
        self.frontend = Frontend(config.frontend)
        self.encoder = encoder
        context_shape: tuple[int, int, int] | None = None
        if encoder is not None:
            encoder.fit_length(cutting.length)
            n_frames = encoder.n_frames(cutting.length)
            context_shape = (len(encoder.layers), n_frames, encoder.width)
        image_shape = self.frontend.output_shape(cutting.length // cutting.hop)
        self.network = NETWORKS[config.model.name](
            config.model,
            n_classes=len(labels),
            image_shape=image_shape,
            context_shape=context_shape,
        )

    @property
    def width(self) -> int:
        """Length of an embedding."""
        return self.network.width

    @property
    def caches_context(self) -> bool:
        """Whether the encoder's output never changes and so can be kept."""
        return self.encoder is not None and not self.config.context.fine_tune

    @torch.no_grad()
    def segments(self, waveform: Tensor) -> Segments:
        """Cut an utterance into segments.

        Shape:
            waveform (time,) at 16 kHz to `Segments`.
        """
        cleaned = self.frontend.clean(waveform)
        whole = self.frontend.analyse(cleaned).unsqueeze(0)
        spectrogram = self.cutting.spectrograms(whole, len(cleaned), self.frontend.fill)
        pieces = self.cutting.waveforms(cleaned.unsqueeze(0))
        return Segments(spectrogram[0].contiguous(), pieces[0].contiguous())

    def encode(self, waveform: Tensor) -> Tensor | None:
        """Run the context encoder.

        Shape:
            waveform (batch, time) to (batch, depth, frame, width), or None without an encoder.
        """
        return None if self.encoder is None else self.encoder(waveform)

    def forward(
        self, spectrogram: Tensor, waveform: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Return logits of a batch of segments.

        Shape:
            spectrogram, raw, (batch, channel, frequency, frame); waveform (batch, time), or context
            (batch, depth, frame, width) where it is at hand already; to (batch, class).
        """
        if context is None and waveform is not None:
            context = self.encode(waveform)
        return self.network(self.frontend(spectrogram), context)

    def features(
        self, spectrogram: Tensor, waveform: Tensor | None = None, context: Tensor | None = None
    ) -> Tensor:
        """Return what enters the last layer for a batch of segments.

        Shape:
            As of `forward`, to (batch, feature).
        """
        if context is None and waveform is not None:
            context = self.encode(waveform)
        return self.network.features(self.frontend(spectrogram), context)

    @torch.inference_mode()
    def batch_outputs(
        self, waveforms: Sequence[Tensor], *, batch_size: int = 16
    ) -> tuple[Tensor, Tensor]:
        """Score and embed utterances together; call `eval()` before.

        All segments have the same length, so those of several utterances can form one batch. The
        embedding of an utterance is the mean of what enters the last layer for its segments. A
        sample that is NaN or infinite makes all of them NaN.

        Shape:
            waveforms, each (time,) at 16 kHz, to (utterance, class) log-probabilities and
            (utterance, width) embeddings, both on the CPU.
        """
        device = next(self.network.parameters()).device
        cut = [self.segments(waveform.to(device)) for waveform in waveforms]
        pieces = [
            self.features(spectrogram, piece)
            for spectrogram, piece in zip(
                torch.cat([one.spectrogram for one in cut]).split(batch_size),
                torch.cat([one.waveform for one in cut]).split(batch_size),
                strict=True,
            )
        ]
        sizes = [len(one.waveform) for one in cut]
        logits = torch.cat([self.network.last(piece) for piece in pieces]).split(sizes)
        scores = [utterance_log_probabilities(one, self.temperature) for one in logits]
        means = [one.mean(dim=0) for one in torch.cat(pieces).split(sizes)]
        nothing = torch.stack([not_numbers(waveform) for waveform in waveforms]).cpu()
        return torch.stack(scores).cpu() + nothing, torch.stack(means).cpu() + nothing

    def batch_log_probabilities(
        self, waveforms: Sequence[Tensor], *, batch_size: int = 16
    ) -> Tensor:
        """Score utterances together; call `eval()` before.

        Shape:
            waveforms, each (time,) at 16 kHz, to (utterance, class) log-probabilities on the CPU.
        """
        return self.batch_outputs(waveforms, batch_size=batch_size)[0]

    def log_probabilities(self, waveform: Tensor) -> Tensor:
        """Score one utterance; call `eval()` before.

        Shape:
            waveform (time,) at 16 kHz to (class,) log-probabilities on the CPU.
        """
        return self.batch_log_probabilities([waveform])[0]

    def parameter_counts(self) -> ParameterCounts:
        """Return the number of parameters of the encoder and of the network."""

        def count(module: nn.Module | None) -> int:
            return 0 if module is None else sum(p.numel() for p in module.parameters())

        return ParameterCounts(encoder=count(self.encoder), network=count(self.network))
