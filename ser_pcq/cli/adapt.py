"""`ser-adapt MODEL RECORDINGS... OUT`."""

from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import (
    VERSION_OPTION,
    end_tidily,
    new_app,
    progress,
    quiet_libraries,
    run,
    say,
)

app = new_app(
    help="Adapt a model to a voice, its room and its line, from recordings without labels."
)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Embedded name or path.")]
RecordingsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="RECORDINGS...",
        help="Files and folders: 10 recordings or more of one speaker, of several emotions.",
    ),
]
OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")]


@app.command()
def adapt(
    model: ModelArgument,
    recordings: RecordingsArgument,
    out: OutArgument,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    version: bool = VERSION_OPTION,
) -> None:
    """Write MODEL, adapted to the speaker of RECORDINGS, as a package for ser-predict --model.

    Exit code: 0 all well, 1 an error that stderr explains, 2 wrong usage.
    """
    from ser_pcq.cli.predict_recordings import wanted_recordings
    from ser_pcq.inference.inputs import as_input
    from ser_pcq.inference.own_voice.adaptation import adapt_to_voice
    from ser_pcq.inference.predictor import load
    from ser_pcq.models.adapted.package import refuse_existing, write_adapted

    refuse_existing(out)
    inputs = [
        as_input(one) for one in wanted_recordings(recordings, None, None, "ser-adapt").recordings
    ]
    with progress("loading the model"):
        predictor = load(model, device=device)
    from ser_pcq.cli.licence_notice import say_licence

    say_licence(predictor.classifier, "ser-adapt")
    with progress("hearing the voice") as on_progress:
        adaptation = adapt_to_voice(
            predictor.classifier, predictor.options, inputs, name=out.name, on_progress=on_progress
        )
    adapted = adaptation.checked()
    for sentence in adaptation.sentences():
        say(f"ser-adapt: {sentence}")
    write_adapted(adapted, out)
    say(f"ser-adapt: wrote {out}")


def main() -> None:
    """Entry point of `ser-adapt`."""
    quiet_libraries()
    end_tidily()
    run(app, "ser-adapt")


if __name__ == "__main__":
    main()
