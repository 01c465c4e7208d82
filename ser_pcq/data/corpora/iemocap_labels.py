"""The label and transcription files of IEMOCAP.

A label file, `dialog/EmoEvaluation/<dialog>.txt`, begins with a header line. Blocks follow, with
blank lines between them: a turn, what single raters called it (`C-`), and where they saw its
valence, activation and dominance, from 1 to 5 (`A-`); tabs between the fields::

    % [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

    [12.3400 - 14.5600]  Ses01F_impro01_M003  fru  [2.0000, 3.5000, 3.0000]
    C-E1:   Frustration; Anger;  ()
    C-M1:   Other;  (tired, rather; not angry)
    A-E2:   val 2; act 4; dom  3;  ()

E1 is a rater, M1 the actor himself. A dominance may be missing. Files were written on several
systems: any line end, with or without a byte order mark, UTF-8 or one byte for each character.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ser_pcq.errors import DataError

LABELS = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
    "xxx": None,
}
"""Label as released to emotion; xxx: raters disagree."""

RATED = {
    "excited": "excitement",
    "happy": "happiness",
    "neutral state": "neutral",
    "surprised": "surprise",
}
"""What a rater says, in lower case, to emotion, where they are not the same word."""

_TURN_ID = re.compile(
    r"(?P<dialog>Ses0(?P<session>[1-5])[FM]_(?P<kind>impro|script)\d\d[a-z]?(?:_\d[a-z]?)?)"
    r"_(?P<letter>[FM])\w{3}"
)
_NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"
_TURN_LINE = re.compile(
    rf"\[{_NUMBER}-{_NUMBER}\]\s*(?P<turn>\S+)\s+(?P<label>\S+)"
    rf"\s+\[{_NUMBER},{_NUMBER},{_NUMBER}\]\s*"
)
# Comments are in parentheses, and hold semicolons too.
_RATER_LINE = re.compile(r"(?P<kind>[CA])-(?P<rater>\w+)\s*:(?P<said>[^(]*)")
_DIMENSION = re.compile(r"\b(val|act|dom)\s+(\d+(?:\.\d+)?)")
_TRANSCRIBED = re.compile(r"(?P<turn>\w+)\s*\[[^\]]*\]\s*:?(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Turn:
    """A labelled turn of a dialogue.

    Attributes:
        turn_id: As released: dialog, letter of who speaks, number.
        dialog: Name of the dialog.
        session: 1 to 5.
        letter: F or M, who speaks: that of the last field. The one in `Ses01F` says who wore the
            motion capture markers, whoever speaks.
        part: Whether the dialog is improvised or scripted, by its name.
        label: As released, in `LABELS`.
        vad: Valence, activation and dominance, each from 1 to 5, mean of the raters.
        ratings: Of single raters, as in `ser_pcq.data.utterance.Utterance`.
    """

    turn_id: str
    dialog: str
    session: str
    letter: str
    part: Literal["improvised", "scripted"]
    label: str
    vad: tuple[float, float, float]
    ratings: tuple[str, ...] = ()

    @property
    def speaker(self) -> str:
        """Session and letter, such as Ses01M."""
        return f"Ses0{self.session}{self.letter}"


@dataclass(frozen=True)
class LabelFile:
    """The content of a label file.

    Attributes:
        turns: In the order of the file.
        unread: File and number of each line that is neither a turn nor a rating.
    """

    turns: tuple[Turn, ...]
    unread: tuple[str, ...]


def read_labels(path: Path) -> LabelFile:
    """Read a label file.

    Args:
        path: `<dialog>.txt`; every turn in it begins with the name of the dialog.

    Raises:
        DataError: When it cannot be read, holds no turn, or a line with a turn is malformed, of
            another dialog, or there twice; the message gives file and line.
    """
    turns: dict[str, Turn] = {}
    ratings: dict[str, list[str]] = {}
    unread = []
    turn_id = ""
    for number, line in enumerate(_lines(path), start=1):
        place = f"{path}, line {number}"
        if not line or line.startswith("%"):
            continue
        if rated := _RATER_LINE.match(line):
            word = _rating(rated)
            if word and turn_id:
                ratings[turn_id].append(word)
            else:
                unread.append(place)
        elif line.startswith("[") or _TURN_ID.search(line):
            turn = _turn(line, place)
            turn_id = turn.turn_id
            _check_place(turn, path, place, turns)
            turns[turn_id], ratings[turn_id] = turn, []
        else:
            unread.append(place)
    if not turns:
        raise DataError(
            "a label file of IEMOCAP holds no turn",
            given=path,
            do="unpack it again; move files that are not part of the corpus elsewhere",
        )
    rated_turns = (replace(turn, ratings=tuple(ratings[name])) for name, turn in turns.items())
    return LabelFile(tuple(rated_turns), tuple(unread))


def read_transcription(path: Path) -> dict[str, str]:
    """Read what is said in a dialog: turn id to text, the first where a turn is there twice.

    Turns without a label (`_MXX0`) are among them; remarks without a turn id are not.

    Raises:
        DataError: When the file cannot be read.
    """
    texts: dict[str, str] = {}
    for line in _lines(path):
        if match := _TRANSCRIBED.fullmatch(line):
            texts.setdefault(match["turn"], match["text"].strip())
    return texts


def _lines(path: Path) -> list[str]:
    """Return the lines of a text file without blanks at either end."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError("a file of IEMOCAP cannot be read", given=f"{path} ({error})") from error
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        text = content.decode("latin-1")
    return [line.strip() for line in re.split(r"\r\n|\r|\n", text)]


def _turn(line: str, place: str) -> Turn:
    """Read the first line of a block."""
    fields = _TURN_LINE.fullmatch(line)
    name = _TURN_ID.fullmatch(fields["turn"]) if fields else None
    if fields is None or name is None or fields["label"] not in LABELS:
        raise DataError(
            "a label of IEMOCAP cannot be read",
            given=f"{line!r} in {place}",
            accepted="[START - END], turn, label and [V, A, D] with tabs between them; as label "
            + ", ".join(LABELS),
            do="take the file from the release again",
        )
    valence, activation, dominance = map(float, fields.group(5, 6, 7))
    return Turn(
        fields["turn"],
        name["dialog"],
        name["session"],
        name["letter"],
        "improvised" if name["kind"] == "impro" else "scripted",
        fields["label"],
        (valence, activation, dominance),
    )


def _check_place(turn: Turn, path: Path, place: str, known: dict[str, Turn]) -> None:
    """Refuse a turn of another dialog, and one that is there twice."""
    if turn.dialog != path.stem:
        raise DataError(
            "a turn of IEMOCAP is in the label file of another dialog",
            given=f"{turn.turn_id} in {place}",
            do="take the file from the release again",
        )
    if turn.turn_id in known:
        raise DataError(
            "a turn of IEMOCAP is labelled twice",
            given=f"{turn.turn_id} in {place}",
            do="take the file from the release again",
        )


def _rating(line: re.Match[str]) -> str | None:
    """Return what a rater says as a word; None where nothing is said."""
    if line["kind"] == "A":
        numbers = dict(_DIMENSION.findall(line["said"]))
        said = "/".join(numbers.get(name, "-") for name in ("val", "act", "dom"))
        return f"{line['rater']}:{said}" if numbers else None
    # Each label ends in a semicolon; what follows the last one is a comment.
    labels = [" ".join(part.lower().split()) for part in line["said"].split(";")[:-1]]
    names = [RATED.get(label, label).replace(" ", "-") for label in labels if label]
    return f"{line['rater']}:{','.join(names)}" if names else None
