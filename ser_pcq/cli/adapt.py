"""`ser-adapt MODEL RECORDINGS... OUT`, and `ser-adapt MODEL --data DATA_DIR OUT`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from ser_pcq.inference.predictor import Predictor
    from ser_pcq.models.adapted.classifier import AdaptedClassifier

app = new_app(
    help="Adapt a model to a voice, its room and its line, from recordings without labels; or to "
    "labelled recordings, of emotions that it knows or of new ones."
)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="Embedded name or path.")]
RecordingsArgument = Annotated[
    list[str],
    typer.Argument(
        default_factory=list,
        metavar="RECORDINGS...",
        show_default=False,
        help="Files and folders: 10 recordings or more of one speaker, of several emotions.",
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DATA_DIR",
        help="Labelled recordings in the place of RECORDINGS, as ser-data prepare writes them.",
    ),
]
OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")]


@app.command()
def adapt(
    model: ModelArgument,
    recordings: RecordingsArgument,
    out: OutArgument,
    data: DataOption = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    version: bool = VERSION_OPTION,
) -> None:
    """Write MODEL, adapted to the speaker of RECORDINGS, as a package for ser-predict --model.

    With --data it is adapted to labelled recordings, of one speaker or several.

    Exit code: 0 all well, 1 an error that stderr explains, 2 wrong usage.
    """
    from ser_pcq.models.adapted.package import refuse_existing, write_adapted

    if recordings and data is not None:
        raise typer.BadParameter("takes the place of RECORDINGS", param_hint="--data")
    if not recordings and data is None:
        raise typer.BadParameter("name recordings, or use --data", param_hint="RECORDINGS...")
    if str(out) == ".":  # also an empty name, of a variable that is not set for example
        raise typer.BadParameter("name a folder that is not there yet", param_hint="OUT")
    refuse_existing(out)
    # A folder's name may hold bytes that are not text.
    name = out.name.encode(errors="backslashreplace").decode()
    if data is None:
        adapted, sentences = _to_voice(model, recordings, name, device)
    else:
        adapted, sentences = _to_labels(model, data, name, device)
    for sentence in sentences:
        say(f"ser-adapt: {sentence}")
    if adapted.n_repeated:
        say(
            f"ser-adapt: warning: {adapted.n_repeated} recordings count once more that an earlier "
            "adaptation has heard; others would say more"
        )
    write_adapted(adapted, out)
    say(f"ser-adapt: wrote {out}")


Result = tuple["AdaptedClassifier", list[str]]
"""The adapted model, and what is said of it."""


def _loaded(model: str, device: str) -> "Predictor":
    """Load the model, and say what its licence forbids."""
    from ser_pcq.cli.licence_notice import say_licence
    from ser_pcq.inference.predictor import load

    with progress("loading the model"):
        predictor = load(model, device=device)
    say_licence(predictor.classifier, "ser-adapt")
    return predictor


def _to_voice(model: str, recordings: list[str], name: str, device: str) -> Result:
    """Adapt a model to a voice."""
    from ser_pcq.cli.predict_recordings import wanted_recordings
    from ser_pcq.inference.inputs import as_input
    from ser_pcq.inference.own_voice.adaptation import adapt_to_voice

    inputs = [
        as_input(one) for one in wanted_recordings(recordings, None, None, "ser-adapt").recordings
    ]
    predictor = _loaded(model, device)
    with progress("hearing the voice") as on_progress:
        adaptation = adapt_to_voice(
            predictor.classifier, predictor.options, inputs, name=name, on_progress=on_progress
        )
    return adaptation.checked(), adaptation.sentences()


def _to_labels(model: str, folder: Path, name: str, device: str) -> Result:
    """Adapt a model to the utterances of a data directory."""
    from ser_pcq.data.labelled import labelled_recordings
    from ser_pcq.inference.labelled.adaptation import adapt_to_recordings

    recordings, n_test = labelled_recordings(folder)
    if n_test:
        say(f"ser-adapt: {n_test} utterances of the split test are left out")
    predictor = _loaded(model, device)
    with progress("hearing the recordings") as on_progress:
        adaptation = adapt_to_recordings(
            predictor.classifier, predictor.options, recordings, name=name, on_progress=on_progress
        )
    return adaptation.classifier, adaptation.sentences()


def main() -> None:
    """Entry point of `ser-adapt`."""
    quiet_libraries()
    end_tidily()
    run(app, "ser-adapt")


if __name__ == "__main__":
    main()
