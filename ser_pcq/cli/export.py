"""`ser-export MODEL OUT`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import VERSION_OPTION, new_app, run, say, waiting
from ser_pcq.errors import SerError

app = new_app(help="Write a trained model as one ONNX file: waveforms in, probabilities out.")


class Precision(StrEnum):
    """Of the weights of matrix products."""

    float32 = "float32"
    int8 = "int8"


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="Embedded name or path of a model.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The file to write.")],
    precision: Annotated[
        Precision, typer.Option(help="int8 is smaller and faster, and a little off.")
    ] = Precision.float32,
    share_weights: Annotated[
        bool,
        typer.Option(
            "--share-weights",
            help="Leave out the weights that MODEL's folder has; for OUT in that folder.",
        ),
    ] = False,
    version: bool = VERSION_OPTION,
) -> None:
    """Write MODEL as an ONNX file, labels and card in its metadata.

    Exit code: 0 all well, 1 an error that stderr explains, 2 wrong usage.
    """
    if out.suffix.lower() != ".onnx":
        # ser-predict knows an ONNX file by its name.
        raise SerError("the name of the file must end in .onnx", given=out)
    with waiting("translating, about a minute"):
        from ser_pcq.models.onnx_export.export import export_onnx

        written = export_onnx(model, out, precision=precision.value, share_weights=share_weights)
    say(
        f"ser-export: wrote {written.path}, {written.size / 1e6:.1f} MB, {written.precision}; "
        f"probabilities within {written.difference:.1g} of the model on made-up sounds"
    )


def main() -> None:
    """Entry point of `ser-export`."""
    run(app, "ser-export")


if __name__ == "__main__":
    main()
