"""Which column of a table says what: by its name, or as the user says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ser_pcq.errors import DataError, suggest

DEFAULTS: dict[str, tuple[str, ...]] = {
    "path": ("path", "file", "filename", "file_name", "filepath", "file_path", "wav", "audio"),
    "emotion": ("emotion", "label"),
    "speaker": ("speaker", "speaker_id", "spk"),
    "id": ("id", "utterance_id", "utt_id"),
    "session": ("session", "session_id"),
    "sentence": ("sentence", "sentence_id"),
    "text": ("text", "transcription", "transcript"),
    "gender": ("gender", "sex"),
    "start": ("start", "start_time"),
    "end": ("end", "end_time"),
    "split": ("split",),
    "original": ("original",),
    "valence": ("valence",),
    "activation": ("activation", "arousal"),
    "dominance": ("dominance",),
    "ratings": ("ratings",),
}
"""Fact to the names of columns that are taken to say it, in any case."""


@dataclass(frozen=True)
class Columns:
    """The columns that a user names, one for each fact of `DEFAULTS`.

    The empty string means that there is none, None that it has one of its usual names.
    """

    path: str | None = None
    emotion: str | None = None
    speaker: str | None = None
    id: str | None = None
    session: str | None = None
    sentence: str | None = None
    text: str | None = None
    gender: str | None = None
    start: str | None = None
    end: str | None = None
    split: str | None = None
    original: str | None = None
    valence: str | None = None
    activation: str | None = None
    dominance: str | None = None
    ratings: str | None = None

    def of(self, fact: str) -> str | None:
        """Return what the user says of a fact of `DEFAULTS`."""
        named: str | None = getattr(self, fact)
        return named


def choose_columns(
    names: Collection[str],
    asked: Columns,
    facts: Collection[str] = tuple(DEFAULTS),
    required: Collection[str] = ("path", "emotion"),
    options: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Find the column of each fact.

    Args:
        names: The columns that there are.
        asked: Those that the user names.
        facts: What to look for.
        required: What must be found.
        options: Fact to the option that names its column; `--<fact>` where it is missing.

    Returns:
        Fact to column, of those that were found.

    Raises:
        DataError: When a column that was asked for is not there, two could be meant, or a required
            one is missing.
    """
    found = {}
    for fact in facts:
        wanted = asked.of(fact)
        option = (options or {}).get(fact, f"--{fact}")
        if wanted:
            found[fact] = _named(names, wanted, fact)
        elif wanted is None and (column := _usual(names, fact, option)) is not None:
            found[fact] = column
        elif fact in required:
            raise DataError(
                f"no column says the {fact}",
                given=f"columns {', '.join(names)}",
                accepted=f"a column named {' or '.join(DEFAULTS[fact])}",
                do=f"name the column with {option}",
            )
    return found


def unread(names: Collection[str], columns: Mapping[str, str]) -> list[str]:
    """Name the columns that are not read, in at most one note."""
    rest = [name for name in names if name and name not in columns.values()]
    return [f"columns that were not read: {', '.join(rest)}"] if rest else []


def _named(names: Collection[str], wanted: str, fact: str) -> str:
    """Find a column that the user names."""
    if wanted in names:
        return wanted
    alike = [name for name in names if name.lower() == wanted.lower()]
    if len(alike) != 1:
        raise DataError(
            f"the column for the {fact} does not exist", given=wanted, do=suggest(wanted, names)
        )
    return alike[0]


def _usual(names: Collection[str], fact: str, option: str) -> str | None:
    """Find a column by the names that are usual for a fact."""
    alike = [name for name in names if name.lower() in DEFAULTS[fact]]
    if len(alike) > 1:
        raise DataError(
            f"several columns could say the {fact}",
            given=", ".join(alike),
            do=f"name the column with {option}",
        )
    return alike[0] if alike else None
