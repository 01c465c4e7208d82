"""Labelled recordings, as they are given."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from ser_pcq.errors import SerError
from ser_pcq.inference.inputs import Input

_NEAR = 0.75
"""How alike two names are of which one may be misspelt: `angr` and `anger` are, `happiness` and
`sadness` are not."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A labelled recording.

    Attributes:
        source: The recording.
        emotion: Its label.
        speaker: Who speaks; None where that is not known.
    """

    source: Input
    emotion: str
    speaker: str | None = None


def paired(
    inputs: Sequence[Input],
    labels: Iterable[str] | None,
    speakers: Iterable[str | None] | None = None,
) -> list[Labelled]:
    """Return recordings with their labels.

    Raises:
        SerError: When there are no labels, when labels or speakers are not as many as recordings,
            have no order, or are not what data directories can hold.
    """
    if labels is None:
        raise SerError(
            "speakers go with labelled recordings only",
            given="speakers without labels",
            accepted="without labels, recordings of one speaker",
            do="give labels too, or adapt a predictor to each speaker",
        )
    emotions = list(map(_checked_label, _listed(labels, "labels")))
    _check_number("labels", emotions, inputs)
    if speakers is None:
        return [Labelled(*one) for one in zip(inputs, emotions, strict=True)]
    voices = list(map(_checked_speaker, _listed(speakers, "speakers")))
    _check_number("speakers", voices, inputs)
    return [Labelled(*one) for one in zip(inputs, emotions, voices, strict=True)]


def misspelt(label: str, known: Collection[str]) -> str | None:
    """Return the emotion that a label may be meant to be; None where it is like none of them."""
    lower = {one.lower(): one for one in known}
    near = difflib.get_close_matches(label.lower(), lower, n=1, cutoff=_NEAR)
    return lower[near[0]] if near else None


def _listed(values: Any, what: str) -> list[Any]:
    """Return values in order, whatever holds them."""
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise SerError(
            f"{what} are not a list",
            given=type(values).__name__,
            accepted="one for each recording, in their order",
            do=f"give a list of {what}",
        )
    return list(values)


def _check_number(what: str, values: Sequence[object], inputs: Sequence[Input]) -> None:
    """Refuse more or fewer than there are recordings."""
    if len(values) != len(inputs):
        raise SerError(
            f"{what} are not as many as recordings",
            given=f"{len(inputs)} recordings, {len(values)} {what}",
            accepted="one for each recording",
            do="name the recordings one by one, in the same order",
        )


def _checked_label(label: object) -> str:
    """Refuse what no data directory can hold: a model with that label could not be scored."""
    if isinstance(label, str) and label.split() == [label]:
        return str(label)  # of numpy it may be a kind of its own
    raise SerError(
        "this is no label",
        given=repr(label),
        accepted="a text without blanks",
        do="give each recording a label, very_lazy for example, or leave the recording out",
    )


def _checked_speaker(speaker: object) -> str | None:
    """Return a speaker as text; None where it is not known."""
    if speaker is None or isinstance(speaker, str):
        return None if speaker is None else str(speaker)
    if isinstance(speaker, Integral):
        return str(speaker)
    raise SerError(
        "this is no speaker",
        given=repr(speaker),
        accepted="a name or a number, and None where it is not known",
    )
