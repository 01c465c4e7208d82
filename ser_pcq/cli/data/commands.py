"""`ser-data`: make, check and sum up data directories."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar, cast

import typer

from ser_pcq.cli.app import VERSION_OPTION, new_app, run, say
from ser_pcq.cli.data import download, prepare, prepare_own, validate
from ser_pcq.cli.data import export as export_data
from ser_pcq.cli.data.prepare import number
from ser_pcq.data import directory as datadir
from ser_pcq.data.corpora import CORPORA, GENERATORS
from ser_pcq.data.directory import DataDir
from ser_pcq.errors import suggest

if TYPE_CHECKING:
    from ser_pcq.data.summary import Summary

NAME = "ser-data"
Row = list[str]
T = TypeVar("T")

app = new_app(no_args_is_help=True, help="Make, check and sum up data directories.")
app.add_typer(prepare.app, name="prepare")
download.register(app)
prepare_own.register(prepare.app)
export_data.register(app)


class Format(StrEnum):
    """How `summary` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@app.command()
def listeners(
    corpus_dir: Annotated[
        Path, typer.Argument(metavar="CORPUS_DIR", help="EMO-DB as released, erkennung.txt in it.")
    ],
) -> None:
    """Print what human listeners reach on EMO-DB, by its own listening test."""
    from ser_pcq.evaluation.listeners import RECOGNITION, read_recognition, score_listeners

    scores = score_listeners(
        CORPORA["emodb"].prepare(corpus_dir).utterances, read_recognition(corpus_dir / RECOGNITION)
    )
    typer.echo(f"{scores.n_utterances} utterances, {scores.n_speakers} speakers, listeners")
    for name, ratio, interval in (
        ("WA", scores.wa, scores.wa_interval),
        ("UA", scores.ua, scores.ua_interval),
    ):
        limits = "[{:.2f}, {:.2f}]".format(*(100 * v for v in interval)) if interval else "-"
        typer.echo(f"{name}  {100 * ratio:.2f} %  95 % interval over speakers {limits}")
    for emotion, recall in scores.recall.items():
        typer.echo(f"{emotion}  {100 * recall:.2f} %")


class Mates(StrEnum):
    """Whether partners in the sessions of a test speaker are learnt from."""

    OUT = "out"
    IN = "in"


class By(StrEnum):
    """What lists of folds name."""

    UTTERANCE = "utterance"
    SPEAKER = "speaker"
    SESSION = "session"
    SENTENCE = "sentence"


@app.callback()
def options(version: bool = VERSION_OPTION) -> None:
    """Make, check and sum up data directories."""


def _choose(name: str, choices: Mapping[str, T]) -> T:
    """Look up a corpus; an unknown one is wrong usage."""
    if name not in choices:
        message = f"unknown corpus {name!r}; {suggest(name, choices)}"
        raise typer.BadParameter(message, param_hint="CORPUS")
    return choices[name]


@app.command()
def generate(
    corpus: Annotated[
        str, typer.Argument(metavar="CORPUS", help=f"One of: {', '.join(sorted(GENERATORS))}.")
    ],
    out_dir: Annotated[
        Path, typer.Argument(metavar="OUT_DIR", help="The corpus directory to make.")
    ],
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another corpus.")] = 0,
    speakers: Annotated[int, typer.Option(min=1, help="How many speakers.")] = 4,
    per_class: Annotated[
        int, typer.Option(min=1, help="Recordings of each emotion by each speaker.")
    ] = 3,
) -> None:
    """Make a corpus of synthetic sounds, for trying things out without a download."""
    make: Callable[..., Path] = _choose(corpus, GENERATORS)
    made = make(out_dir, seed=seed, speakers=speakers, per_class=per_class)
    say(f"{NAME}: made {made}")


validate.register(app)


@app.command()
def split(
    data_dir: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="The data directory.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The file to write.")],
    protocol: Annotated[str, typer.Option(help="How folds are made.")] = "leave-one-speaker-out",
    by: Annotated[
        By, typer.Option(help="What the lists name; groups are readable, utterances exact.")
    ] = By.UTTERANCE,
    valid_speakers: Annotated[
        int, typer.Option(min=0, help="Speakers (or sentences, or parts) that validate.")
    ] = 1,
    folds: Annotated[int, typer.Option(min=2, help="Of k-fold-by-speaker and random.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of random.")] = 0,
    session_mates: Annotated[
        Mates, typer.Option(help="What becomes of the sessions of a test speaker.")
    ] = Mates.OUT,
) -> None:
    """Write the folds of a protocol as lists with a hash, to freeze, publish or edit them."""
    from ser_pcq.config.toml import from_dict
    from ser_pcq.protocols.folds import make_folds
    from ser_pcq.protocols.rules import Kind
    from ser_pcq.protocols.split_file import as_groups, make_split, write_split_file

    tables = {"name": protocol, "valid_speakers": valid_speakers, "folds": folds, "seed": seed}
    tables["session_mates"] = session_mates.value
    changes = {"protocol": tables, "train": {"select": "last"}}
    config = from_dict(changes).protocol
    data = datadir.read(data_dir)
    made = make_folds(data, config)
    listed = made if by is By.UTTERANCE else as_groups(made, data, cast(Kind, by.value))
    write_split_file(out, make_split(listed, config, by=by.value))
    say(f"{NAME}: wrote {out}: {number(len(made), 'fold')}")


@app.command()
def summary(
    data_dir: Annotated[
        Path, typer.Argument(metavar="DATA_DIR", help="The data directory to sum up.")
    ],
    output: Annotated[
        Format, typer.Option("--format", help="How to print it.", case_sensitive=False)
    ] = Format.TABLE,
) -> None:
    """Print utterances by emotion and speaker, and durations in seconds."""
    from ser_pcq.data import summary as summaries

    data = datadir.read(data_dir)
    result = summaries.summary(data, _durations(data))
    if output is Format.JSON:
        typer.echo(json.dumps(asdict(result), indent=2, ensure_ascii=False))
    elif output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerows(_csv_rows(result))
    else:
        for line in (*_aligned(_count_rows(result)), "", *_aligned(_duration_rows(result))):
            typer.echo(line)


def _durations(data: DataDir) -> dict[str, float]:
    """Read the length of each utterance, with a progress bar for a person who waits for it."""
    from rich.console import Console
    from rich.progress import track

    from ser_pcq.data.summary import utterance_duration

    utterances = track(
        data.utterances,
        description="reading durations",
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    return {u.utterance_id: utterance_duration(u) for u in utterances}


def _count_rows(result: "Summary") -> list[Row]:
    """Return utterances by emotion and speaker with their sums, as cells."""
    speakers = list(next(iter(result.counts.values())))
    rows = [["emotion", *speakers, "all"]]
    for emotion, by_speaker in result.counts.items():
        n = result.durations[emotion].n_utterances
        rows.append([emotion, *map(str, by_speaker.values()), str(n)])
    sums = [str(sum(counts[s] for counts in result.counts.values())) for s in speakers]
    return [*rows, ["all", *sums, str(result.total.n_utterances)]]


def _duration_rows(result: "Summary") -> list[Row]:
    """Return durations in s by emotion, as cells."""
    rows = [["emotion", "total_s", "min_s", "mean_s", "max_s"]]
    for emotion, d in (*result.durations.items(), ("all", result.total)):
        values = (d.total, d.shortest, d.mean, d.longest)
        rows.append([emotion, *(f"{value:.3f}" for value in values)])
    return rows


def _csv_rows(result: "Summary") -> list[Row]:
    """Return both tables side by side; the columns of speakers are named `speaker:<id>`."""
    header, *counts = _count_rows(result)
    named = ["emotion", *(f"speaker:{s}" for s in header[1:-1]), "utterances"]
    rows = zip([named, *counts], _duration_rows(result), strict=True)
    return [count + duration[1:] for count, duration in rows]


def _aligned(rows: Iterable[Row]) -> list[str]:
    """Set cells in columns: names to the left, numbers to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    ]


def main() -> None:
    """Run the command."""
    run(app, NAME)


if __name__ == "__main__":
    main()
