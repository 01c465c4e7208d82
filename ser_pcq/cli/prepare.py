"""`ser-data prepare`: one sub-command for each corpus, with the options of that corpus."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from ser_pcq import datadir
from ser_pcq.cli.app import new_app, say
from ser_pcq.corpora import CORPORA
from ser_pcq.corpora.corpus import Prepared

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
    from ser_pcq.labels import parse_map, parse_names, relabel

    for note in prepared.notes:
        say(f"ser-data: note: {note}")
    utterances = relabel(prepared.utterances, parse_map(mapping or ()), parse_names(drop or ()))
    datadir.write(data_dir, utterances, corpus=corpus)
    unknown = sum(u.speaker == datadir.UNKNOWN_SPEAKER for u in utterances)
    if unknown:
        say(
            f"ser-data: warning: the speaker of {unknown} of {len(utterances)} utterances is not "
            "known: they cannot be held out, so that only protocol.name=random is possible, and "
            "scores will say that they leak"
        )
    say(f"ser-data: wrote {data_dir}: {describe(datadir.read(data_dir))}")


def describe(data: datadir.DataDir) -> str:
    """Return what a data directory holds, in a few words."""
    counts = {
        "utterance": len(data.utterances),
        "speaker": len(data.speakers),
        "emotion": len(data.labels),
    }
    return ", ".join(number(n, noun) for noun, n in counts.items())


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
    prepared = CORPORA[name].prepare(corpus_dir, **plain)
    keep(prepared, data_dir, corpus=name, mapping=mapping, drop=drop)


def _plain(name: str) -> Callable[..., None]:
    """Make the command of a corpus without options of its own."""

    def command(
        corpus_dir: CorpusDir, data_dir: DataDir, mapping: Map = None, drop: Drop = None
    ) -> None:
        _prepare(name, corpus_dir, data_dir, mapping, drop)

    return command


# Corpora with options of their own have a function below.
SPECIAL = ("iemocap", "msp-podcast")
for _name, _corpus in sorted(CORPORA.items()):
    if _name not in SPECIAL:
        _help = f"{_corpus.title}: {_corpus.language}, {_corpus.size}. Licence: {_corpus.licence}."
        app.command(_name, help=_help)(_plain(_name))
