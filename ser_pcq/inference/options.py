"""How to predict: the model, and what it is asked for."""

from dataclasses import dataclass, field

from ser_pcq.errors import SerError
from ser_pcq.inference.mix import ALL, checked_mix
from ser_pcq.models.folder import default_model


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; what `load` is called with.

    Raises:
        SerError: When `min_confidence` is out of range, `mix` is none of these, or the default
            model is not there.
    """

    model: str = field(default_factory=default_model)
    """Embedded name, path of a package, or of an ONNX file; by default what SER_PCQ_MODEL in the
    environment names, else `emodb-large`."""

    device: str = "cpu"
    """`auto`, `cpu` or `cuda`."""

    min_confidence: float = 0.0
    """The lowest confidence, rounded to 6 decimals, that is an answer, 0 to 1; under it the
    prediction abstains. 0 never does."""

    segments: bool = False
    """Whether to find how the emotion changes over time as well."""

    speech: str = "auto"
    """What finds the pauses in long recordings and between segments: `speech.DETECTORS`."""

    mix: str = ALL
    """Which channels of a file are judged: `all` mixes them, a number takes one, counted from 1,
    and `split` judges each for itself."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mix", checked_mix(self.mix))
        if not 0 <= self.min_confidence <= 1:
            raise SerError(
                "min_confidence is out of range", given=self.min_confidence, accepted="0 to 1"
            )
