"""All that a configuration can choose a model from.

The networks are listed here. Heads, encoders and linear recognizers are listed at the door of their
own rooms, which read them there, and can be imported from here too. The keys are the names that
`ser_pcq.config.network` accepts.
"""

from typing import Protocol

from ser_pcq.config import ModelConfig
from ser_pcq.models.encoders import ENCODERS
from ser_pcq.models.linear import LINEAR
from ser_pcq.models.network import Network
from ser_pcq.models.pcq import HEADS
from ser_pcq.models.pcq.network import PCQ
from ser_pcq.models.residual import ResidualNetwork

__all__ = ["ENCODERS", "HEADS", "LINEAR", "NETWORKS", "NewNetwork"]


class NewNetwork(Protocol):
    """Builds a network, with random weights."""

    def __call__(
        self,
        config: ModelConfig,
        *,
        n_classes: int,
        image_shape: tuple[int, int, int],
        context_shape: tuple[int, int, int] | None,
    ) -> Network:
        """Return a network: image and context in, logits out.

        Args:
            config: The `[model]` section.
            n_classes: Emotions.
            image_shape: (channel, frequency, frame) of the spectrogram image.
            context_shape: (depth, frame, width) of the encoder's output; None without context.
        """


NETWORKS: dict[str, NewNetwork] = {
    "pcq": PCQ,
    "residual": ResidualNetwork,
}
"""`model.name` to the network."""
