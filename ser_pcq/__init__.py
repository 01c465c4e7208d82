"""ser_pcq: speech emotion recognition with progressive channel querying (PCQ).

    from ser_pcq import load
    print(load().predict("recording.wav").label)

Importing the package has no side effects and loads nothing heavy: a public name is imported when
it is first used. docs/python.md describes these names; every other name may change from version
to version. The commands are `ser-data`, `ser-train`, `ser-eval`, `ser-predict`, `ser-adapt` and
`ser-export`.
"""

from importlib import import_module

from ser_pcq.version import __version__

TYPE_CHECKING = False  # true for type checkers; the module typing is not loaded for it

if TYPE_CHECKING:
    # The same names as in _HOMES, for editors and type checkers.
    from ser_pcq.audio.find import find_audio as find_audio
    from ser_pcq.audio.speech import speech_detector as speech_detector
    from ser_pcq.data import directory as _directory
    from ser_pcq.data.directory import DataDir as DataDir
    from ser_pcq.data.lists import read_list as read_list
    from ser_pcq.data.utterance import Utterance as Utterance
    from ser_pcq.errors import Reason as Reason
    from ser_pcq.errors import SerError as SerError
    from ser_pcq.evaluation.calibration import fit_temperature as fit_temperature
    from ser_pcq.evaluation.comparison.compare import compare as compare
    from ser_pcq.evaluation.comparison.compare import compare_seeds as compare_seeds
    from ser_pcq.evaluation.comparison.mcnemar import mcnemar as mcnemar
    from ser_pcq.evaluation.comparison.report import compare_folders as compare_folders
    from ser_pcq.evaluation.comparison.report import format_comparison as format_comparison
    from ser_pcq.evaluation.metrics import Confusion as Confusion
    from ser_pcq.evaluation.metrics import mean_over_folds as mean_over_folds
    from ser_pcq.evaluation.table import Predictions as Predictions
    from ser_pcq.evaluation.table import UtterancePrediction as UtterancePrediction
    from ser_pcq.evaluation.table import read_predictions as read_predictions
    from ser_pcq.files import whole_file as whole_file
    from ser_pcq.inference.formats import FORMATS as FORMATS
    from ser_pcq.inference.formats.folder import output_names as output_names
    from ser_pcq.inference.formats.folder import write_each as write_each
    from ser_pcq.inference.formats.format import Layout as Layout
    from ser_pcq.inference.jobs.journal import Journal as Journal
    from ser_pcq.inference.jobs.journal import journal_of as journal_of
    from ser_pcq.inference.options import PredictOptions as PredictOptions
    from ser_pcq.inference.own_voice.streaming import StreamVoice as StreamVoice
    from ser_pcq.inference.prediction import EmotionSegment as EmotionSegment
    from ser_pcq.inference.prediction import Prediction as Prediction
    from ser_pcq.inference.prediction import Status as Status
    from ser_pcq.inference.predictor import Predictor as Predictor
    from ser_pcq.inference.predictor import load as load
    from ser_pcq.inference.stream import PcmFormat as PcmFormat
    from ser_pcq.inference.stream import live as live
    from ser_pcq.inference.stream import read_pcm as read_pcm
    from ser_pcq.inference.stream_content import read_stream as read_stream
    from ser_pcq.inference.timeline.plot import plot_timeline as plot_timeline
    from ser_pcq.inference.timeline.timeline import EmotionTimeline as EmotionTimeline
    from ser_pcq.models.checkpoint import load_checkpoint as load_checkpoint
    from ser_pcq.models.onnx_export.export import export_onnx as export_onnx
    from ser_pcq.protocols.split_file import make_split as make_split
    from ser_pcq.protocols.split_file import write_split_file as write_split_file

    read_data_dir = _directory.read
    write_data_dir = _directory.write

_HOMES = {
    "Confusion": "evaluation.metrics",
    "DataDir": "data.directory",
    "EmotionSegment": "inference.prediction",
    "EmotionTimeline": "inference.timeline.timeline",
    "FORMATS": "inference.formats",
    "Journal": "inference.jobs.journal",
    "Layout": "inference.formats.format",
    "PcmFormat": "inference.stream",
    "PredictOptions": "inference.options",
    "Prediction": "inference.prediction",
    "Predictions": "evaluation.table",
    "Predictor": "inference.predictor",
    "Reason": "errors",
    "SerError": "errors",
    "Status": "inference.prediction",
    "StreamVoice": "inference.own_voice.streaming",
    "Utterance": "data.utterance",
    "UtterancePrediction": "evaluation.table",
    "compare": "evaluation.comparison.compare",
    "compare_folders": "evaluation.comparison.report",
    "compare_seeds": "evaluation.comparison.compare",
    "export_onnx": "models.onnx_export.export",
    "find_audio": "audio.find",
    "fit_temperature": "evaluation.calibration",
    "format_comparison": "evaluation.comparison.report",
    "journal_of": "inference.jobs.journal",
    "live": "inference.stream",
    "load": "inference.predictor",
    "load_checkpoint": "models.checkpoint",
    "make_split": "protocols.split_file",
    "mcnemar": "evaluation.comparison.mcnemar",
    "mean_over_folds": "evaluation.metrics",
    "output_names": "inference.formats.folder",
    "plot_timeline": "inference.timeline.plot",
    "read_data_dir": "data.directory:read",
    "read_list": "data.lists",
    "read_pcm": "inference.stream",
    "read_stream": "inference.stream_content",
    "read_predictions": "evaluation.table",
    "speech_detector": "audio.speech",
    "whole_file": "files",
    "write_data_dir": "data.directory:write",
    "write_each": "inference.formats.folder",
    "write_split_file": "protocols.split_file",
}
"""Where each public name is defined: its module and, after a colon, its name there if another."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, there = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), there or name)


def __dir__() -> list[str]:
    """List the public names, also those that were not used yet."""
    return sorted({*globals(), *__all__})
