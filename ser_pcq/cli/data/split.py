"""`ser-data split`: the folds of a protocol as lists."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, cast

import typer

from ser_pcq.cli.data.prepare import number
from ser_pcq.cli.terminal import say
from ser_pcq.data import directory as datadir

NAME = "ser-data"


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


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(split)


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
