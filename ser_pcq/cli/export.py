"""`ser-export MODEL OUT`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import VERSION_OPTION, new_app, run, say, waiting
from ser_pcq.errors import SerError

app = new_app(
    help="Write a model as one ONNX file: waveforms in, probabilities and embeddings out."
)


class Precision(StrEnum):
    """Of the weights of matrix products."""

    float32 = "float32"
    int8 = "int8"


def _licence(licence: str | None) -> str | None:
    """Refuse what does not have the form of a licence."""
    from ser_pcq.models.description.licence import checked_licence

    try:
        return None if licence is None else checked_licence(licence)
    except SerError as error:
        raise typer.BadParameter(str(error)) from error


ModelArgument = Annotated[str, typer.Argument(help="Embedded name or path of a model.")]
OutArgument = Annotated[
    Path, typer.Argument(metavar="OUT", help="The file to write, or with --folder the folder.")
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        help="int8 is smaller and faster, and a little off. Default: that of the graph that MODEL "
        "has, as embedded models do, which needs no PyTorch; else float32.",
    ),
]
LengthsOption = Annotated[
    bool,
    typer.Option(
        "--lengths",
        help="Add an input with true lengths: each row of a padded batch is judged as if alone.",
    ),
]
OpsetOption = Annotated[
    int | None,
    typer.Option(
        metavar="17..20",
        help="Version of the ONNX operators, an older one for older runtimes. Default: 20.",
    ),
]
ShareOption = Annotated[
    bool,
    typer.Option(
        "--share-weights",
        help="Leave out the weights that MODEL's folder has; for OUT in that folder.",
    ),
]
FolderOption = Annotated[
    bool,
    typer.Option("--folder", help="Write the folder of MODEL, complete in itself, and no file."),
]
CommonOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="With --folder: keep a frozen encoder and fingerprints in DIR, once for all models "
        "that have them.",
    ),
]

LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--license",
        metavar="SPDX",
        callback=_licence,
        help="State a licence, such as CC-BY-NC-SA-4.0. Default: the one that MODEL states.",
    ),
]


@app.command()
def export(
    model: ModelArgument,
    out: OutArgument,
    precision: PrecisionOption = None,
    lengths: LengthsOption = False,
    opset: OpsetOption = None,
    share_weights: ShareOption = False,
    folder: FolderOption = False,
    common: CommonOption = None,
    licence: LicenceOption = None,
    version: bool = VERSION_OPTION,
) -> None:
    """Write MODEL as an ONNX file, labels and card in its metadata.

    Exit code: 0 all well, 1 an error that stderr explains, 2 wrong usage.
    """
    if folder:
        if precision or lengths or opset or share_weights:
            raise SerError("--folder has no ONNX options", accepted="--common, --license")
        from ser_pcq.models.sharing.packages import write_package

        write_package(model, out, common=common, licence=licence)
        say(f"ser-export: wrote {out}")
        return
    if common is not None:
        raise SerError("--common is for folders", given=common, do="add --folder")
    if out.suffix.lower() != ".onnx":
        # ser-predict knows an ONNX file by its name.
        raise SerError(
            "the name of the file must end in .onnx", given=out, do="for a folder, add --folder"
        )
    with waiting("writing; a model without a graph takes about a minute"):
        from ser_pcq.models.onnx_export.export import export_onnx

        written = export_onnx(
            model,
            out,
            precision=None if precision is None else precision.value,
            share_weights=share_weights,
            lengths=lengths,
            opset=opset,
            licence=licence,
        )
    beside = "of the model" if written.is_translated else "of the graph that the model has"
    say(
        f"ser-export: wrote {written.path}, {written.size / 1e6:.1f} MB, {written.precision}; "
        f"probabilities within {written.difference:.1g} {beside} on made-up sounds"
    )


def main() -> None:
    """Entry point of `ser-export`."""
    run(app, "ser-export")


if __name__ == "__main__":
    main()
