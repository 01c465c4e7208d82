"""Files judged by several processes, in order: one that crashes loses only its file."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from ser_pcq.errors import SerError
from ser_pcq.inference.prediction import Prediction
from ser_pcq.inference.predictor import PredictOptions, Predictor, load
from ser_pcq.inference.recording import Recording, Refusal, hear
from ser_pcq.processes import Crash, each_isolated


def predict_with_jobs(
    predictor: Predictor, paths: Iterable[str | Path], jobs: int
) -> Iterator[Prediction]:
    """Yield one prediction for each file, in order; see `Predictor.predict_all`.

    Raises:
        SerError: When processes cannot be started.
    """
    files = [Path(path) for path in paths]
    if predictor.classifier.batch_size > 1:
        heard = each_isolated(hear, files, jobs=jobs)
        yield from predictor.judge_all(map(_read, files, heard))
        return
    if not predictor.can_be_loaded:
        raise SerError(
            "several processes need a model that they can load",
            given="a Predictor around a classifier",
            do="make it with load(), or predict with one job",
        )
    work = [(predictor.options, file) for file in files]
    for file, result in zip(files, each_isolated(_predict, work, jobs=jobs), strict=True):
        if isinstance(result, Crash):
            yield from predictor.judge([_crashed(file, result)])
        else:
            yield result


def _read(file: Path, result: Recording | Refusal | Crash) -> Recording | Refusal:
    """Return what another process made of a file."""
    return _crashed(file, result) if isinstance(result, Crash) else result


def _crashed(file: Path, crash: Crash) -> Refusal:
    """Refuse a file whose process has ended."""
    return Refusal(file, "error", f"crashed: {crash.reason}")


@lru_cache(maxsize=1)
def _loaded(options: PredictOptions) -> Predictor:
    """Load a model once in each process."""
    return load(
        options.model,
        device=options.device,
        min_confidence=options.min_confidence,
        segments=options.segments,
        speech=options.speech,
    )


def _predict(work: tuple[PredictOptions, Path]) -> Prediction:
    """Judge a file in this process."""
    options, file = work
    return _loaded(options).predict(file)
