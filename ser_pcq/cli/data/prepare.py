"""`ser-data prepare`: one sub-command for each corpus, with the options of that corpus."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import new_app, say, waiting
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import CORPORA, iemocap, msp_podcast
from ser_pcq.data.prepared import Prepared

app = new_app(
    no_args_is_help=True,
    help="Turn a corpus into a data directory. The audio stays where it is.",
)

CorpusDir = Annotated[
    Path, typer.Argument(metavar="CORPUS_DIR", help="The corpus as released, unpacked.")
]
DataDir = Annotated[Path, typer.Argument(metavar="DATA_DIR", help="The data directory to write.")]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW,…", help="Rename emotions; may be repeated."),
]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="LABEL,…", help="Leave out emotions; may be repeated."),
]


def keep(
    prepared: Prepared,
    data_dir: Path,
    *,
    corpus: str | None,
    mapping: list[str] | None,
    drop: list[str] | None,
) -> None:
    """Relabel, write the data directory, and say what a user should know."""
    from ser_pcq.data.labels import Relabelling
    from ser_pcq.data.prepared import remarks, store

    for note in prepared.notes:
        say(f"ser-data: note: {note}")
    relabelling = Relabelling.parse(mapping, drop)
    with waiting("writing the data directory"):
        written = store(prepared, data_dir, relabelling, corpus=corpus)
    for line in remarks(written):
        say(f"ser-data: {line}")
    say(f"ser-data: wrote {data_dir}: {describe(written)}")


def describe(data: datadir.DataDir) -> str:
    """Return what a data directory holds, in a few words."""
    counts = {
        "utterance": len(data.utterances),
        "speaker": len(data.speakers),
        "emotion": len(data.labels),
    }
    if datadir.UNKNOWN_SPEAKER in data.speakers:
        counts["speaker"] -= 1
    known = ", ".join(number(n, noun) for noun, n in counts.items())
    if len(data.corpora) > 1:
        known += f", {len(data.corpora)} corpora"
    unknown = sum(u.speaker == datadir.UNKNOWN_SPEAKER for u in data.utterances)
    return f"{known}, {unknown} of unknown speakers" if unknown else known


def number(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _prepare(
    name: str,
    read: Callable[[], Prepared],
    data_dir: Path,
    mapping: list[str] | None,
    drop: list[str] | None,
) -> None:
    """Read a corpus of the registry, and keep it."""
    with waiting("reading the corpus"):
        prepared = read()
    keep(prepared, data_dir, corpus=name, mapping=mapping, drop=drop)


def _plain(name: str) -> Callable[..., None]:
    """Make the command of a corpus that has no special options."""

    def command(
        corpus_dir: CorpusDir, data_dir: DataDir, mapping: Map = None, drop: Drop = None
    ) -> None:
        _prepare(name, lambda: CORPORA[name].prepare(corpus_dir), data_dir, mapping, drop)

    return command


class Classes(StrEnum):
    """How many emotions of IEMOCAP."""

    FOUR = "4"
    FIVE = "5"
    SIX = "6"


class Part(StrEnum):
    """Which dialogues of IEMOCAP."""

    ALL = "all"
    IMPROVISED = "improvised"
    SCRIPTED = "scripted"


class UnknownSpeakers(StrEnum):
    """What becomes of utterances of unknown speakers."""

    LEAVE_OUT = "leave-out"
    KEEP = "keep"


def _iemocap(
    corpus_dir: CorpusDir,
    data_dir: DataDir,
    classes: Annotated[
        Classes,
        typer.Option(
            help="4: anger, happiness (with excitement), neutral, sadness; 5: and frustration; 6: "
            "excitement separately."
        ),
    ] = Classes.FOUR,
    part: Annotated[Part, typer.Option(help="Which dialogues.")] = Part.ALL,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """Prepare IEMOCAP."""

    def read() -> Prepared:
        return iemocap.prepare(corpus_dir, classes=int(classes), part=part.value)

    _prepare("iemocap", read, data_dir, mapping, drop)


def _msp_podcast(
    corpus_dir: CorpusDir,
    data_dir: DataDir,
    test_set: Annotated[int, typer.Option(min=1, help="Which of its test sets is tested.")] = 1,
    unknown_speakers: Annotated[
        UnknownSpeakers,
        typer.Option(
            help="Utterances of unknown speakers may be of test "
            "speakers; kept, they make every score leaky."
        ),
    ] = UnknownSpeakers.LEAVE_OUT,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """Prepare MSP-Podcast."""

    def read() -> Prepared:
        return msp_podcast.prepare(
            corpus_dir, test_set=test_set, unknown_speakers=unknown_speakers.value
        )

    _prepare("msp-podcast", read, data_dir, mapping, drop)


WITH_OPTIONS: dict[str, Callable[..., None]] = {
    "iemocap": _iemocap,
    "msp-podcast": _msp_podcast,
}
"""The commands of corpora that have special options."""

for _name, _corpus in sorted(CORPORA.items()):
    _about = f"{_corpus.title}: {_corpus.language}, {_corpus.size}. Licence: {_corpus.licence}."
    app.command(_name, help=_about)(WITH_OPTIONS.get(_name) or _plain(_name))
