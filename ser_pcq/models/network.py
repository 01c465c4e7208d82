"""What every network has: features of a segment, and the linear layer that ends it."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Network(nn.Module, ABC):
    """A network without its frontend and its encoder: image and context in, logits out.

    Its last step is one linear layer. What enters that layer is the embedding of a segment.
    """

    @property
    @abstractmethod
    def last(self) -> nn.Linear:
        """The layer that makes logits of the features."""

    @abstractmethod
    def features(self, image: Tensor, context: Tensor | None) -> Tensor:
        """Return what enters the last layer.

        Shape:
            image (batch, channel, frequency, frame), context (batch, depth, frame, width) or None,
            to (batch, feature).
        """

    @property
    def width(self) -> int:
        """Number of features."""
        return self.last.in_features

    def forward(self, image: Tensor, context: Tensor | None = None) -> Tensor:
        """Return logits.

        Shape:
            As of `features`, to (batch, class).
        """
        return self.last(self.features(image, context))
