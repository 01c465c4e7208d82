"""`ser-data prepare`: one sub-command for each corpus, with the options of that corpus."""

from collections.abc import Callable
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ser_pcq.cli.app import new_app, say, waiting
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import CORPORA
from ser_pcq.data.corpora.corpus import Prepared

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
    from ser_pcq.data.labels import parse_map, parse_names, relabel, suggested_map

    for note in prepared.notes:
        say(f"ser-data: note: {note}")
    utterances = relabel(prepared.utterances, parse_map(mapping or ()), parse_names(drop or ()))
    with waiting("writing the data directory"):
        datadir.write(data_dir, utterances, corpus=corpus)
        written = datadir.read(data_dir)
    unknown = sum(u.speaker == datadir.UNKNOWN_SPEAKER for u in utterances)
    if unknown:
        say(
            f"ser-data: warning: the speaker of {unknown} of {len(utterances)} utterances is not "
            "known: they cannot be held out, so that of the protocols for folds only "
            "protocol.name=random is left, and scores will say that they leak"
        )
    if suggested := suggested_map({u.emotion for u in utterances}):
        say(f"ser-data: note: other corpora call these emotions otherwise: --map {suggested}")
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
    unknown = sum(u.speaker == datadir.UNKNOWN_SPEAKER for u in data.utterances)
    return f"{known}, {unknown} of unknown speakers" if unknown else known


def number(n: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _prepare(
    name: str,
    corpus_dir: Path,
    data_dir: Path,
    mapping: list[str] | None,
    drop: list[str] | None,
    **options: Any,
) -> None:
    """Prepare a corpus of the registry."""
    plain = {key: o.value if isinstance(o, Enum) else o for key, o in options.items()}
    with waiting("reading the corpus"):
        prepared = CORPORA[name].prepare(corpus_dir, **plain)
    keep(prepared, data_dir, corpus=name, mapping=mapping, drop=drop)


def _plain(name: str) -> Callable[..., None]:
    """Make the command of a corpus without options of its own."""

    def command(
        corpus_dir: CorpusDir, data_dir: DataDir, mapping: Map = None, drop: Drop = None
    ) -> None:
        _prepare(name, corpus_dir, data_dir, mapping, drop)

    return command


def _about(name: str) -> str:
    """Return the help of a corpus."""
    corpus = CORPORA[name]
    return f"{corpus.title}: {corpus.language}, {corpus.size}. Licence: {corpus.licence}."


# Corpora with options of their own have a function below.
SPECIAL = ("iemocap", "msp-podcast")
for _name in sorted(CORPORA):
    if _name not in SPECIAL:
        app.command(_name, help=_about(_name))(_plain(_name))


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


@app.command("iemocap", help=_about("iemocap"))
def iemocap(
    corpus_dir: CorpusDir,
    data_dir: DataDir,
    classes: Annotated[
        Classes,
        typer.Option(
            help="4: anger, happiness (with excitement), neutral, sadness; 5: and frustration; 6: "
            "excitement apart."
        ),
    ] = Classes.FOUR,
    part: Annotated[Part, typer.Option(help="Which dialogues.")] = Part.ALL,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """Prepare IEMOCAP."""
    _prepare("iemocap", corpus_dir, data_dir, mapping, drop, classes=int(classes), part=part)


@app.command("msp-podcast", help=_about("msp-podcast"))
def msp_podcast(
    corpus_dir: CorpusDir,
    data_dir: DataDir,
    test_set: Annotated[int, typer.Option(min=1, help="Which of its test sets is tested.")] = 1,
    unknown_speakers: Annotated[
        UnknownSpeakers,
        typer.Option(
            help="Utterances of unknown speakers cannot be proved to be apart from the test "
            "speakers; kept, they make every score leaky."
        ),
    ] = UnknownSpeakers.LEAVE_OUT,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """Prepare MSP-Podcast."""
    options = {"test_set": test_set, "unknown_speakers": unknown_speakers}
    _prepare("msp-podcast", corpus_dir, data_dir, mapping, drop, **options)
