"""`ser-eval`: score stored predictions, or the trained models on another data directory."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.cli.app import VERSION_OPTION, new_app, progress, run, say

if TYPE_CHECKING:
    from ser_pcq.evaluate import Scores, SeedScores

app = new_app()


class ReportFormat(StrEnum):
    """What goes to stdout."""

    TABLE = "table"
    JSON = "json"


def _score(
    exp_dir: Path, data_dir: Path | None, output_dir: Path | None, device: str
) -> "tuple[Scores | SeedScores, str, list[Path]]":
    """Score, write the report files, and return scores, text and what was written."""
    # Imported here, so that --help and usage errors do not wait for it.
    from ser_pcq import collect as stored
    from ser_pcq import evaluate as ev
    from ser_pcq import report as rp

    if data_dir is None and stored.holds_seeds(exp_dir):
        seeds = stored.collect_seeds(exp_dir)
        over_seeds = ev.score_seeds(seeds, protocol=stored.read_protocol(exp_dir))
        written = rp.write_seeds_report(seeds, over_seeds, output_dir or exp_dir)
        return over_seeds, rp.format_seeds_report(over_seeds), written
    if data_dir is None:
        predictions = stored.collect(exp_dir)
        scores = ev.score(predictions, protocol=stored.read_protocol(exp_dir))
    else:
        from ser_pcq.evaluate_models import predict_data_dir

        with progress("predicting") as advance:
            predictions = predict_data_dir(exp_dir, data_dir, device=device, on_progress=advance)
        scores = ev.score(predictions)
        # Never into EXP_DIR itself: there a predictions.csv is what training predicted.
        # EXP_DIR may also be the name of a model, which is no folder to write into.
        home = exp_dir if exp_dir.is_dir() else Path()
        output_dir = output_dir or home / f"eval_{data_dir.resolve().name}"
    written = rp.write_report(predictions, scores, output_dir or exp_dir)
    return scores, rp.format_report(scores), written


@app.command()
def evaluate(
    exp_dir: Annotated[
        Path,
        typer.Argument(
            help="Experiment folder: fold folders, one predictions.csv, or seed_* folders of them."
        ),
    ],
    data_dir: Annotated[
        Path | None,
        typer.Argument(
            help="Data directory to run the trained models on; without it, what "
            "training predicted for the test folds is scored."
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            help="Where the report files go; without it EXP_DIR, or with DATA_DIR its sub-folder "
            "eval_<name of DATA_DIR>.",
            show_default=False,
        ),
    ] = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="What is printed to stdout.")
    ] = ReportFormat.TABLE,
    device: Annotated[
        str, typer.Option(help="Where models run (only with DATA_DIR): auto, cpu or cuda.")
    ] = "auto",
    version: bool = VERSION_OPTION,
) -> None:
    """Print WA and UA, pooled and per fold, with intervals, and write the report files.

    Files: scores.json, predictions.csv, confusion.txt and confusion.png; for seed_* folders the
    same for each seed, and seeds.json with the mean over seeds.
    """
    scores, text, written = _score(exp_dir, data_dir, output_dir, device)
    if report_format is ReportFormat.JSON:
        text = json.dumps(scores.to_dict(), indent=2, ensure_ascii=False)
    typer.echo(text)
    for path in written:
        say(f"wrote {path}")


def main() -> None:
    """Run the command."""
    run(app, "ser-eval")


if __name__ == "__main__":
    main()
