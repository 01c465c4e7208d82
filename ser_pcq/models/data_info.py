"""The data that a model was trained on, as packages and graphs record it.

Apart from `info`, so that predicting with a graph does not load the configurations of training.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Plain: TypeAlias = Mapping[str, Any]
"""A JSON object as it was read."""


def as_json(info: "DataclassInstance") -> dict[str, Any]:
    """Return a flat dataclass as a JSON object, tuples as lists."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(info).items()}


def texts(values: Any) -> tuple[str, ...]:
    """Return a list of strings as a tuple.

    Raises:
        TypeError: For anything else.
    """
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise TypeError(f"not a list of strings: {values!r}")
    return tuple(values)


def name_labels_licence(plain: Plain) -> tuple[str, tuple[str, ...], str | None]:
    """Return what every model says of itself; the licence is None where none is stated.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: When something is missing, or is not what
            it should be.
    """
    licence, labels = plain.get("licence"), texts(plain["labels"])
    if len(set(labels)) < len(labels):
        raise ValueError(f"a label stands there twice: {', '.join(labels)}")
    return str(plain["name"]), labels, None if licence is None else str(licence)


@dataclass(frozen=True)
class DataInfo:
    """The data that a model was trained on.

    Attributes:
        name: Of the data directory.
        corpus: What the directory is made of; None where that is not known, or several.
        utterances: Number of training utterances.
        train_speakers: Who was trained on, sorted.
        valid_speakers: Who the epoch or the settings were chosen on.
        test_speakers: Who was held out.
        corpora: Where the directory holds several corpora, those that were trained or chosen on,
            each with its known speakers; else empty.
    """

    name: str
    corpus: str | None
    utterances: int
    train_speakers: tuple[str, ...]
    valid_speakers: tuple[str, ...]
    test_speakers: tuple[str, ...]
    corpora: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def known_speakers(self) -> frozenset[str]:
        """Whoever the model was trained or chosen on."""
        return frozenset({*self.train_speakers, *self.valid_speakers})

    @classmethod
    def from_json(cls, plain: Plain) -> "DataInfo":
        """Read the object `data`. The speakers have to be there: scoring relies on them."""
        return cls(
            name=str(plain["name"]),
            # Older packages do not name their corpus.
            corpus=plain.get("corpus"),
            utterances=int(plain["utterances"]),
            train_speakers=texts(plain["train_speakers"]),
            valid_speakers=texts(plain["valid_speakers"]),
            test_speakers=texts(plain["test_speakers"]),
            corpora={str(c): texts(of) for c, of in plain.get("corpora", {}).items()},
        )

    def to_json(self) -> dict[str, Any]:
        """Return the object `data`; `corpora` only where there are several."""
        plain = as_json(self)
        corpora = {corpus: list(of) for corpus, of in plain.pop("corpora").items()}
        return {**plain, "corpora": corpora} if corpora else plain
