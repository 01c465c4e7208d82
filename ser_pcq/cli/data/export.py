"""`ser-data export`: data directories as other people's tables."""

from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.data.prepare import describe
from ser_pcq.cli.terminal import new_app, say
from ser_pcq.data import directory as datadir

DataDir = Annotated[Path, typer.Argument(metavar="DATA_DIR", help="The data directory.")]


def register(app: typer.Typer) -> None:
    """Add `export` with its sub-commands to `ser-data`."""
    export = new_app(no_args_is_help=True, help="Write a data directory in another form.")
    export.command("csv")(_csv)
    export.command("audformat")(_audformat)
    app.add_typer(export, name="export")


def _csv(
    data_dir: DataDir,
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT.csv", help="The table to write; with tabs if it ends in .tsv."),
    ],
    relative: Annotated[
        bool, typer.Option("--relative", help="Write paths that begin in the folder of the table.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace OUT.csv where it exists.")
    ] = False,
) -> None:
    """One table with all that is known; `ser-data prepare csv` reads it back."""
    from ser_pcq.data.writers.table import export_csv

    data = datadir.read(data_dir)
    export_csv(data, out, relative=relative, overwrite=overwrite)
    _done(data, out)


def _audformat(
    data_dir: DataDir,
    out_dir: Annotated[
        Path, typer.Argument(metavar="OUT_DIR", help="The database to write; new, or empty.")
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the database. Else the corpus, or the folder."),
    ] = None,
    license_name: Annotated[
        str | None,
        typer.Option("--license", metavar="TEXT", help="For the header, as in CC-BY-4.0."),
    ] = None,
    author: Annotated[str | None, typer.Option(metavar="TEXT", help="For the header.")] = None,
    copy_audio: Annotated[
        bool, typer.Option("--copy-audio", help="Copy the recordings into the database.")
    ] = False,
) -> None:
    """A database in audformat, which needs the package audformat."""
    from ser_pcq.data.writers.audformat import export_audformat

    data = datadir.read(data_dir)
    export_audformat(
        data, out_dir, name=name, license_name=license_name, author=author, copy_audio=copy_audio
    )
    _done(data, out_dir)


def _done(data: datadir.DataDir, out: Path) -> None:
    """Say what was written."""
    say(f"ser-data: wrote {out}: {describe(data)}")
    if data.corpus is not None:
        say(
            f"ser-data: note: the name of the corpus is not part of it; reading it back needs "
            f"--corpus {data.corpus}"
        )
    elif data.corpora:
        say(
            "ser-data: note: its column `corpus` is not read back; to keep corpora apart, take out "
            "one after the other with ser-data subset --corpora, and export those"
        )
