"""`ser-data combine`: several data directories as one."""

from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.data.prepare import Drop, Map, keep
from ser_pcq.cli.terminal import waiting
from ser_pcq.data import directory as datadir


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(combine)


def combine(
    data_dirs: Annotated[
        list[Path],
        typer.Argument(metavar="DATA_DIR...", help="Two or more; each names its corpus."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The data directory to make.")],
    keep_names: Annotated[
        bool,
        typer.Option("--keep-names", help="Keep the names of emotions; only --map renames."),
    ] = False,
    mapping: Map = None,
    drop: Drop = None,
) -> None:
    """Make one data directory of several, which stay as they are.

    Utterances, speakers, sessions and sentences get the name of their corpus before theirs, and
    emotions the names that they have in the corpora of this package: angry becomes anger.
    """
    from ser_pcq.data.combine import combine as combined
    from ser_pcq.data.labels import Relabelling
    from ser_pcq.data.prepared import refuse_existing

    if len(data_dirs) < 2:
        raise typer.BadParameter("give two data directories or more", param_hint="DATA_DIR")
    refuse_existing(out)
    with waiting("combining"):
        directories = [datadir.read(path) for path in data_dirs]
        prepared = combined(directories, Relabelling.parse(mapping, drop), common=not keep_names)
    keep(prepared, out, corpus=None, mapping=None, drop=None)
