"""`ser-data`: make, check and sum up data directories."""

from ser_pcq.cli.data import (
    combine,
    download,
    export,
    generate,
    listeners,
    prepare,
    prepare_own,
    split,
    subset,
    summary,
    validate,
)
from ser_pcq.cli.terminal import VERSION_OPTION, new_app, run

NAME = "ser-data"

app = new_app(no_args_is_help=True, help="Make, check and sum up data directories.")


@app.callback()
def options(version: bool = VERSION_OPTION) -> None:
    """Make, check and sum up data directories."""


app.add_typer(prepare.app, name="prepare")
prepare_own.register(prepare.app)
for command in (download, export, listeners, generate, validate, split, combine, subset, summary):
    command.register(app)


def main() -> None:
    """Run the command."""
    run(app, NAME)


if __name__ == "__main__":
    main()
