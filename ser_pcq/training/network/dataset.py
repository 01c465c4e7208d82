"""Turn the utterances of a data directory into training segments."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from ser_pcq.config import AugmentConfig
from ser_pcq.data.utterance import Utterance
from ser_pcq.data.waveforms import read_utterance
from ser_pcq.errors import DataError
from ser_pcq.models.recognizer import Recognizer
from ser_pcq.training.copies.make import augmented_copies, seed_of
from ser_pcq.training.network.context_cache import ContextCache, read_context


@dataclass(frozen=True)
class PreparedUtterance:
    """An utterance (or an augmented copy of one), cut into segments.

    Attributes:
        utterance_id: Of the original, also for a copy.
        target: Index of its label.
        spectrogram: Raw, (segment, channel, frequency, frame).
        waveform: (segment, time) where an encoder is trained; None otherwise.
        context: The cache entry of a frozen encoder's output; None otherwise.
        context_scale: Mean and deviation, each (depth, 1, width), that the encoder's output is
            normalised with; None to leave it as it is.
        weight: How much it counts in training beside the others.
    """

    utterance_id: str
    target: int
    spectrogram: Tensor
    waveform: Tensor | None
    context: Path | None
    context_scale: tuple[Tensor, Tensor] | None = None
    weight: float = 1.0

    def read_context(self, segment: int) -> Tensor | None:
        """Return the encoder's output for a segment, normalised where the protocol says so.

        Shape:
            (depth, frame, width), or None without a cache entry.
        """
        if self.context is None:
            return None
        context = read_context(self.context, segment)
        if self.context_scale is not None:
            mean, deviation = self.context_scale
            context = (context - mean) / deviation
        return context


Item = dict[str, Tensor]


class SegmentDataset(Dataset[Item]):
    """The segments of prepared utterances, one item each.

    An item holds `spectrogram`, `target`, `utterance` (index into `utterances`), `weight`, and
    `waveform` or `context` where the network needs it.
    """

    def __init__(self, utterances: Sequence[PreparedUtterance]) -> None:
        self.utterances = list(utterances)
        self.index = [
            (u, s)
            for u, utterance in enumerate(self.utterances)
            for s in range(utterance.spectrogram.shape[0])
        ]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, i: int) -> Item:
        u, s = self.index[i]
        utterance = self.utterances[u]
        item: Item = {
            "spectrogram": utterance.spectrogram[s],
            "target": torch.tensor(utterance.target),
            "utterance": torch.tensor(u),
            "weight": torch.tensor(utterance.weight),
        }
        if utterance.waveform is not None:
            item["waveform"] = utterance.waveform[s]
        if (context := utterance.read_context(s)) is not None:
            item["context"] = context
        return item

    @property
    def targets(self) -> Tensor:
        """Label index of each utterance, (utterance,)."""
        return torch.tensor([u.target for u in self.utterances])


class EpochSampler(Sampler[int]):
    """A permutation that follows from the seed and the epoch's number alone."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        yield from torch.randperm(self.size, generator=generator).tolist()


def _target_of(utterance: Utterance, labels: Sequence[str]) -> int:
    """Return the index of an utterance's label.

    Raises:
        DataError: When it is not one of `labels`.
    """
    if utterance.emotion not in labels:
        raise DataError(
            f"the model does not know the label of {utterance.utterance_id}",
            given=utterance.emotion,
            accepted=", ".join(labels),
        )
    return labels.index(utterance.emotion)


def prepare_utterances(
    utterances: Iterable[Utterance],
    recognizer: Recognizer,
    cache: ContextCache | None,
    *,
    augment: AugmentConfig | None = None,
    seed: int = 0,
    on_progress: Callable[[], None] = lambda: None,
) -> list[PreparedUtterance]:
    """Read, cut and (with a frozen encoder) encode utterances.

    Args:
        utterances: What to prepare.
        recognizer: Gives frontend, segment length and labels.
        cache: Where a frozen encoder's output is kept; None without one.
        augment: What augmented copies to add; for training utterances only.
        seed: Of the noise in such copies.
        on_progress: Called after each utterance.

    Raises:
        DataError: When an audio file cannot be read, or a label is unknown to the recognizer.
    """
    prepared = []
    trains_encoder = recognizer.encoder is not None and cache is None
    for utterance in utterances:
        target = _target_of(utterance, recognizer.labels)
        waveform = torch.from_numpy(read_utterance(utterance))
        copies = [waveform]
        if augment is not None:
            own_seed = seed_of(seed, utterance.utterance_id)
            copies = augmented_copies(waveform, augment, seed=own_seed)
        for copy in copies:
            segments = recognizer.segments(copy)
            prepared.append(
                PreparedUtterance(
                    utterance.utterance_id,
                    target,
                    segments.spectrogram,
                    segments.waveform if trains_encoder else None,
                    cache.ensure(segments.waveform) if cache is not None else None,
                )
            )
        on_progress()
    return prepared
