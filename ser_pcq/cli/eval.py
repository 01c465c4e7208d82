"""`ser-eval`: score stored predictions, or the trained models on another data directory.

With `--compare`, two experiment folders on the same utterances.
"""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.cli.terminal import VERSION_OPTION, new_app, progress, run, say

if TYPE_CHECKING:
    from ser_pcq.evaluation.comparison.compare import Comparison
    from ser_pcq.evaluation.inflation import InflationReport
    from ser_pcq.evaluation.scores import Scores, SeedScores

app = new_app()


class ReportFormat(StrEnum):
    """What goes to stdout."""

    TABLE = "table"
    JSON = "json"


def _score(
    exp_dir: Path,
    output_dir: Path | None,
    *,
    allow_leakage: bool,
    figures: bool,
    labels: str | None,
) -> "tuple[Scores | SeedScores, str, list[Path]]":
    """Score what training predicted; return scores, text and what was written."""
    # Imported here, so that --help and usage errors do not wait for it.
    from ser_pcq.evaluation.collect import read_experiment
    from ser_pcq.evaluation.report import format_scores, write_experiment_report
    from ser_pcq.evaluation.restricted import restricted
    from ser_pcq.evaluation.scores import score_experiment

    experiment = read_experiment(exp_dir)
    if not allow_leakage:
        experiment.refuse_leaks()
    if labels is not None:
        # Only printed: a folder's report is that of all its emotions.
        chosen = [label.strip() for label in labels.split(",") if label.strip()]
        scores = score_experiment(restricted(experiment, chosen))
        return scores, format_scores(scores), []
    scores = score_experiment(experiment)
    written = write_experiment_report(experiment, scores, output_dir or exp_dir, figures=figures)
    return scores, format_scores(scores), written


def _run_models(
    exp_dir: Path,
    data_dir: Path,
    output_dir: Path | None,
    *,
    device: str,
    cache_dir: Path | None,
    allow_leakage: bool,
    figures: bool,
    mapping: list[str],
    shared_classes: bool,
) -> "tuple[Scores, str, list[Path]]":
    """Score trained models on a data directory; return scores, text and what was written."""
    from ser_pcq.data.labels import parse_map
    from ser_pcq.evaluation.report import format_report, write_report
    from ser_pcq.evaluation.run_models import predict_data_dir
    from ser_pcq.evaluation.scores import score
    from ser_pcq.training.network.context_cache import default_cache_dir

    with progress("predicting") as advance:
        predictions, proof = predict_data_dir(
            exp_dir,
            data_dir,
            cache_dir=cache_dir or default_cache_dir(),
            device=device,
            allow_leakage=allow_leakage,
            mapping=parse_map(mapping),
            shared_classes=shared_classes,
            on_progress=advance,
        )
    scores = score(predictions, proof)
    # Never into EXP_DIR itself: there a predictions.csv is what training predicted.
    # EXP_DIR may also be the name of a model, and nothing can be written into that.
    home = exp_dir if exp_dir.is_dir() else Path()
    out = output_dir or home / f"eval_{data_dir.resolve().name}"
    written = write_report(predictions, scores, out, figures=figures)
    return scores, format_report(scores), written


def _compare(a: Path, b: Path, output_dir: Path | None) -> "tuple[Comparison, str, list[Path]]":
    """Compare two experiment folders; return the comparison, text and what was written."""
    from ser_pcq.evaluation.comparison import report as rp

    comparison = rp.compare_folders(a, b)
    for warning in comparison.warnings:
        say(f"ser-eval: warning: {warning}")
    written = [] if output_dir is None else [rp.write_comparison(comparison, output_dir)]
    return comparison, rp.format_comparison(comparison), written


def _inflate(
    folders: list[Path], output_dir: Path | None
) -> "tuple[InflationReport, str, list[Path]]":
    """Compare protocols with the first one; return the report, text and what was written."""
    from ser_pcq.evaluation import inflation

    report = inflation.inflation_report(folders)
    for warning in report.warnings:
        say(f"ser-eval: warning: {warning}")
    written = [] if output_dir is None else [inflation.write_inflation(report, output_dir)]
    return report, inflation.format_inflation(report), written


ExpDir = Annotated[
    Path,
    typer.Argument(
        metavar="EXP_DIR",
        help="Experiment folder: fold folders, one predictions.csv, or seed_* folders of them; "
        "with --compare, A; with DATA_DIR also a model: its name, package or ONNX file.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATA_DIR",
        help="Data directory to run the trained models on; without it, what "
        "training predicted for the test folds is scored. With --compare, B: an experiment "
        "folder of the same utterances.",
    ),
]
Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        help="Say which of two experiment folders A and B is better, by how much, and whether "
        "that could be chance.",
    ),
]
Inflation = Annotated[
    list[Path] | None,
    typer.Option(
        "--inflation",
        metavar="DIR",
        help="Say what this experiment folder, made under another protocol, adds to the score "
        "of EXP_DIR; may be repeated.",
    ),
]
OutputDir = Annotated[
    Path | None,
    typer.Option(
        help="Where the report files go; without it EXP_DIR, or with DATA_DIR its sub-folder "
        "eval_<name of DATA_DIR>; with --compare nothing is written without it.",
        show_default=False,
    ),
]
Format = Annotated[ReportFormat, typer.Option("--format", help="What is printed to stdout.")]
Device = Annotated[
    str, typer.Option(help="Where models run (only with DATA_DIR): auto, cpu or cuda.")
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder for fingerprints of recordings (only with DATA_DIR).",
        show_default="~/.cache/ser-pcq",
    ),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="OLD=NEW,…",
        help="Rename emotions of the model and of DATA_DIR before they are compared; may be "
        "repeated.",
    ),
]
SharedClasses = Annotated[
    bool,
    typer.Option(
        "--shared-classes",
        help="Score on the emotions that the model and DATA_DIR share, and let the model choose "
        "among these only.",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        metavar="LABEL,…",
        help="Score stored predictions on these emotions, and let the model choose among them "
        "only; nothing is written.",
    ),
]
AllowLeakage = Annotated[
    bool,
    typer.Option("--allow-leakage", help="Score where the test set leaked; the scores are marked."),
]
Figures = Annotated[
    bool, typer.Option("--figures/--no-figures", help="Whether to draw figures too.")
]


@app.command()
def evaluate(
    exp_dir: ExpDir,
    data_dir: DataDir = None,
    compare: Compare = False,
    inflation: Inflation = None,
    output_dir: OutputDir = None,
    report_format: Format = ReportFormat.TABLE,
    device: Device = "auto",
    cache_dir: CacheDir = None,
    allow_leakage: AllowLeakage = False,
    figures: Figures = True,
    mapping: Map = None,
    shared_classes: SharedClasses = False,
    labels: Labels = None,
    version: bool = VERSION_OPTION,
) -> None:
    """Print WA and UA, pooled and per fold, with intervals, and write the report files.

    Files: scores.json, predictions.csv, the confusion matrix as text, and figures; for seed_*
    folders the same for each seed, and seeds.json with the mean over seeds. With --compare it
    prints how A and B differ, and writes comparison.json where --output-dir says.
    """
    result: Scores | SeedScores | Comparison | InflationReport
    if inflation and (compare or data_dir is not None):
        raise typer.BadParameter("goes with EXP_DIR alone", param_hint="--inflation")
    if (mapping or shared_classes) and (compare or data_dir is None):
        raise typer.BadParameter("only with DATA_DIR", param_hint="--map, --shared-classes")
    others = compare or inflation or data_dir is not None or output_dir is not None
    if labels is not None and others:
        raise typer.BadParameter(
            "goes with EXP_DIR and --format alone; it prints, and writes no files",
            param_hint="--labels",
        )
    if inflation:
        result, text, written = _inflate([exp_dir, *inflation], output_dir)
    elif not compare and data_dir is None:
        result, text, written = _score(
            exp_dir, output_dir, allow_leakage=allow_leakage, figures=figures, labels=labels
        )
    elif not compare and data_dir is not None:
        result, text, written = _run_models(
            exp_dir,
            data_dir,
            output_dir,
            device=device,
            cache_dir=cache_dir,
            allow_leakage=allow_leakage,
            figures=figures,
            mapping=mapping or [],
            shared_classes=shared_classes,
        )
    elif data_dir is None:
        raise typer.BadParameter("two experiment folders are needed", param_hint="--compare A B")
    else:
        result, text, written = _compare(exp_dir, data_dir, output_dir)
    if report_format is ReportFormat.JSON:
        text = json.dumps(result.to_dict(), indent=2, ensure_ascii=False)
    typer.echo(text)
    for path in written:
        say(f"wrote {path}")


def main() -> None:
    """Run the command."""
    run(app, "ser-eval")


if __name__ == "__main__":
    main()
