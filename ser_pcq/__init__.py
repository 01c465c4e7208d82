"""ser_pcq: speech emotion recognition with progressive channel querying (PCQ).

    from ser_pcq import load
    print(load().predict("recording.wav").label)

Importing the package has no side effects and loads nothing heavy; each module imports what it
needs. What users of the library need has a name here; the commands are `ser-data`, `ser-train`,
`ser-eval`, `ser-predict` and `ser-export`.
"""

from importlib import import_module

from ser_pcq.version import __version__

TYPE_CHECKING = False  # true for type checkers; the module typing is not loaded for it

if TYPE_CHECKING:
    from ser_pcq.errors import Reason, SerError
    from ser_pcq.inference.options import PredictOptions
    from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
    from ser_pcq.inference.predictor import Predictor, load

__all__ = [
    "EmotionSegment",
    "PredictOptions",
    "Prediction",
    "Predictor",
    "Reason",
    "SerError",
    "Status",
    "__version__",
    "load",
]

_HOMES = {
    "load": "inference.predictor",
    "Predictor": "inference.predictor",
    "PredictOptions": "inference.options",
    "Prediction": "inference.prediction",
    "EmotionSegment": "inference.prediction",
    "Status": "inference.prediction",
    "Reason": "errors",
    "SerError": "errors",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
