"""Recordings of several speakers, each judged by a model that is adapted to the speaker."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from ser_pcq.errors import SerError
from ser_pcq.inference.inputs import Source, each_input
from ser_pcq.inference.jobs.earlier import Asked, key_of
from ser_pcq.inference.prediction import Prediction
from ser_pcq.inference.predictor import Predictor
from ser_pcq.processes import TIMEOUT, Progress, no_progress


class VoicesPredictor(Predictor):
    """A predictor that takes another model for each speaker.

    Args:
        predictor: For speakers without one of their own.
        speakers: Who speaks, for each recording.
        own: The predictors of speakers who have one.
    """

    def __init__(
        self,
        predictor: Predictor,
        speakers: Iterable[tuple[Asked, str]],
        own: Mapping[str, Predictor],
    ) -> None:
        super().__init__(predictor.classifier, predictor.options)
        self.can_be_loaded = False
        self._speakers = {key_of(one): speaker for one, speaker in speakers}
        self._own, self._others = dict(own), predictor

    def predict_all(
        self,
        sources: Iterable[Source] | Source,
        sample_rate: float | None = None,
        *,
        jobs: int = 1,
        timeout: float = TIMEOUT,
        on_progress: Progress = no_progress,
    ) -> Iterator[Prediction]:
        """Yield one prediction for each recording, in order; as `Predictor` says, in this process.

        Raises:
            SerError: With several jobs, or as in `predict`.
        """
        if jobs > 1:
            raise SerError("models of own voices predict in one process", given=f"{jobs} jobs")
        for source in each_input(sources, sample_rate):
            one = cast(Asked, source)  # what jobs have
            predictor = self._own.get(self._speakers.get(key_of(one), ""), self._others)
            yield from predictor.predict_all([one], on_progress=on_progress)
