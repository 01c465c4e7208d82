"""A model with another last layer: whatever runs the base, the head is applied by numpy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.fingerprint import AudioPrint
from ser_pcq.models.adapted.base import Base
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.adapted.info import AdaptedInfo, Step
from ser_pcq.models.speech_head.head import Judged

if TYPE_CHECKING:
    from ser_pcq.models.classifier import Classifier, HearsSpeech


@dataclass(frozen=True, eq=False)
class AdaptedClassifier:
    """A `Classifier` with the embeddings of a base, and a head of its own.

    Attributes:
        running: The base, as it is run.
        base: What was adapted.
        head: Takes the place of its last layer.
        info: What the package says, or would say.
        prints: Fingerprints of the recordings that the head was made from.
    """

    running: "Classifier"
    base: Base
    head: Head
    info: AdaptedInfo
    prints: tuple[AudioPrint, ...] = ()

    def after(
        self,
        step: Step,
        head: Head,
        labels: tuple[str, ...],
        prints: Sequence[AudioPrint],
        name: str,
    ) -> "AdaptedClassifier":
        """Return the model after another adaptation.

        Args:
            step: What was done.
            head: What came out.
            labels: Its emotions.
            prints: Fingerprints of the recordings.
            name: What predictions call it.
        """
        known = {one.digest for one in self.prints}
        new = [one for one in prints if one.digest not in known]
        numbered = enumerate((*self.prints, *new), start=1)
        info = replace(self.info, name=name, labels=labels, steps=(*self.info.steps, step))
        kept = tuple(replace(one, utterance_id=str(k)) for k, one in numbered)
        return replace(self, head=head, info=info, prints=kept)

    @property
    def n_repeated(self) -> int:
        """How often a recording counted that an earlier adaptation had heard already."""
        return sum(step.recordings for step in self.info.steps) - len(self.prints)

    @property
    def name(self) -> str:
        """What predictions call it."""
        return self.info.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in the order of the probabilities."""
        return self.info.labels

    @property
    def licence(self) -> str | None:
        """SPDX expression of the licence of the base; None where it states none."""
        return self.info.licence

    @property
    def batch_size(self) -> int:
        """How many recordings it is best given at once."""
        return self.running.batch_size

    @property
    def width(self) -> int:
        """Length of an embedding."""
        return self.running.width

    def probabilities(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score recordings, each (time,) at 16 kHz, to (recording, class); as `Classifier` says."""
        return self.outputs(waveforms)[0]

    def embeddings(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the base's embeddings, (recording, width); as `Classifier` says."""
        return self.running.embeddings(waveforms)

    def outputs(
        self, waveforms: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return `probabilities` and `embeddings`, computed together."""
        embeddings = self.running.embeddings(waveforms)
        return self.head.probabilities(embeddings), embeddings

    @property
    def has_speech_head(self) -> bool:
        """Whether the base tells speech from other sounds."""
        return bool(getattr(self.running, "has_speech_head", False))

    def judged(
        self, waveforms: Sequence[NDArray[np.float32]], *, embeddings: bool = False
    ) -> Judged:
        """See `HearsSpeech`."""
        rows = cast("HearsSpeech", self.running).judged(waveforms, embeddings=True)
        assert rows.embeddings is not None
        scores = self.head.probabilities(rows.embeddings)
        return Judged(scores, rows.speech, rows.embeddings if embeddings else None)
