"""Speaker adaptation: features normalised with the unlabelled utterances of their own speaker.

A legitimate task where many recordings of a speaker are at hand, but another one than judging a
stranger: it is a separate protocol, and scores name it.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ser_pcq.training.network.dataset import PreparedUtterance

# Less deviation than this counts as none: the band or feature never changes.
LEAST_DEVIATION = 1e-5


def mean_and_deviation(parts: Sequence[Tensor], dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation over `dims` of all parts together; these dimensions stay, as 1.

    The parts are summed up one by one, in double precision, so that only one has to be in memory.
    """
    count, total, squares = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1)
    for part in parts:
        wide = part.double()
        count += int(torch.tensor([part.shape[d] for d in dims]).prod())
        total = total + wide.sum(dim=dims, keepdim=True)
        squares = squares + wide.square().sum(dim=dims, keepdim=True)
    mean = total / count
    deviation = (squares / count - mean.square()).clamp_min(0).sqrt()
    return mean.float(), deviation.clamp_min(LEAST_DEVIATION).float()


def adapt_to_speakers(
    sides: Mapping[str, list[PreparedUtterance]], speaker_of: Mapping[str, str]
) -> dict[str, list[PreparedUtterance]]:
    """Normalise spectrograms and encoder output with the statistics of each speaker.

    Args:
        sides: Prepared utterances of train, valid and test. All utterances of a speaker are used,
            on every side, and none of their labels.
        speaker_of: Utterance id to speaker.
    """
    of_speaker: dict[str, dict[str, PreparedUtterance]] = {}
    for side in sides.values():
        for one in side:
            # The first of an id is the unchanged one; its augmented copies follow.
            of_speaker.setdefault(speaker_of[one.utterance_id], {}).setdefault(
                one.utterance_id, one
            )
    scales = {name: _scales(list(ones.values())) for name, ones in of_speaker.items()}

    def adapted(one: PreparedUtterance) -> PreparedUtterance:
        (mean, deviation), context_scale = scales[speaker_of[one.utterance_id]]
        return dataclasses.replace(
            one,
            spectrogram=(one.spectrogram - mean) / deviation,
            context_scale=context_scale,
        )

    return {name: [adapted(one) for one in side] for name, side in sides.items()}


def _scales(
    utterances: Sequence[PreparedUtterance],
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None]:
    """Return mean and deviation of a speaker's spectrograms and, with an encoder, of its output.

    Shape:
        spectrogram (channel, frequency, 1); context (depth, 1, width).
    """
    mean, deviation = mean_and_deviation([u.spectrogram for u in utterances], (0, 3))
    spectrogram = mean.squeeze(0), deviation.squeeze(0)
    contexts = [
        context
        for u in utterances
        for k in range(u.spectrogram.shape[0])
        if (context := u.read_context(k)) is not None
    ]
    if not contexts:
        return spectrogram, None
    return spectrogram, mean_and_deviation(contexts, (1,))
