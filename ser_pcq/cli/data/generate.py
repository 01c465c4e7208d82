"""`ser-data generate`: corpora of synthetic sounds."""

from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import say
from ser_pcq.data.corpora import GENERATORS
from ser_pcq.errors import suggest

NAME = "ser-data"


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(generate)


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
    if corpus not in GENERATORS:
        message = f"unknown corpus {corpus!r}; {suggest(corpus, GENERATORS)}"
        raise typer.BadParameter(message, param_hint="CORPUS")
    made = GENERATORS[corpus](out_dir, seed=seed, speakers=speakers, per_class=per_class)
    say(f"{NAME}: made {made}")
