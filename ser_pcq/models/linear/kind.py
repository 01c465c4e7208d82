"""What makes one linear recognizer different from another."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class LinearKind:
    """A kind of linear recognizer.

    Attributes:
        method: How the linear map is fitted.
        opensmile: openSMILE's feature set that it reads; None for the statistics of an encoder.
        layers: The encoder's layers that are read: all `together`, or one to be chosen of them.
    """

    method: Literal["discriminant", "svm"]
    opensmile: str | None = None
    layers: Literal["together", "one"] = "together"
