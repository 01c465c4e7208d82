"""The last layer of a model by itself: a linear map from embeddings to probabilities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.models.linear.classifier import ABSENT_LOGIT, Floats, LinearClassifier

WEIGHT, BIAS, TEMPERATURE, LOG_PRIOR = "weight", "bias", "temperature", "log_prior"
"""Names of the tensors in a file."""


@dataclass(frozen=True, eq=False)
class Head:
    """A linear map, a temperature, and how likely emotions are before anything is heard.

    Attributes:
        weight: (class, width), single precision.
        bias: (class,); `ABSENT_LOGIT` for an emotion that is never answered.
        temperature: Logits are divided by it.
        log_prior: Added after that, (class,).
    """

    weight: NDArray[np.float32]
    bias: Floats
    temperature: float
    log_prior: Floats

    def scores(self, embeddings: NDArray[Any]) -> Floats:
        """Return what the softmax is taken of, (recording, width) to (recording, class)."""
        # Row by row: what a product of matrices rounds to depends on how many rows it has.
        rows = [self.weight @ row.astype(np.float32) for row in embeddings]
        logits = np.array(rows, np.float64).reshape(len(rows), len(self.bias)) + self.bias
        return np.asarray(logits / self.temperature + self.log_prior)

    def probabilities(self, embeddings: NDArray[Any]) -> NDArray[np.float64]:
        """Return probabilities, (recording, width) to (recording, class)."""
        scores = self.scores(embeddings)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Which emotions can be answered, (class,)."""
        return np.asarray(self.bias > ABSENT_LOGIT / 2)

    def as_classifier(self) -> LinearClassifier:
        """Return the map with its temperature and without prior, of the emotions that it knows."""
        nothing, known = np.zeros(self.weight.shape[1]), self.is_known
        weight = self.weight[known].astype(np.float64) / self.temperature
        return LinearClassifier(nothing, nothing + 1, weight, self.bias[known] / self.temperature)

    def replaced(self, classifier: LinearClassifier) -> "Head":
        """Return a head with another map for the emotions that this one knows, and its prior.

        Args:
            classifier: Calibrated, over embeddings: of the form that `as_classifier` returns.
        """
        weight, bias = np.zeros_like(self.weight), np.full(len(self.bias), ABSENT_LOGIT)
        weight[self.is_known], bias[self.is_known] = classifier.weight, classifier.bias
        return Head(weight, bias, 1.0, self.log_prior)

    def with_classes(self, classifier: LinearClassifier, keeps_prior: NDArray[np.bool_]) -> "Head":
        """Return a head with another map for all its classes, and new classes after them.

        Args:
            classifier: Calibrated, over embeddings, of the classes of this head and more.
            keeps_prior: Which of its classes are as likely before anything is heard as they are in
                this head, (class,); all others count alike. New ones have nothing to keep.
        """
        prior = np.zeros(len(keeps_prior))
        prior[: len(self.log_prior)] = self.log_prior
        weight = classifier.weight.astype(np.float32)
        return Head(weight, classifier.bias, 1.0, np.where(keeps_prior, prior, 0.0))

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return what a file stores."""
        return {
            WEIGHT: np.ascontiguousarray(self.weight, np.float32),
            BIAS: self.bias.astype(np.float32),
            TEMPERATURE: np.array([self.temperature], np.float32),
            LOG_PRIOR: self.log_prior.astype(np.float32),
        }

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[Any]]) -> "Head":
        """Return the head that a file stores.

        Raises:
            KeyError, ValueError: When a tensor is missing, shapes do not fit, or values are not
                numbers.
        """
        weight, bias = (tensors[name].astype(np.float32) for name in (WEIGHT, BIAS))
        (temperature,) = tensors[TEMPERATURE].tolist()
        prior = tensors[LOG_PRIOR].astype(np.float64)
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or prior.shape != bias.shape:
            raise ValueError("the shapes of a head do not fit")
        if not all(np.isfinite(one).all() for one in tensors.values()) or not temperature > 0:
            raise ValueError("a head holds values that are not numbers")
        return cls(weight, bias.astype(np.float64), temperature, prior)
