"""`ser-train CONFIG.toml DATA_DIR EXP_DIR`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.cli.terminal import VERSION_OPTION, new_app, progress, run, say

if TYPE_CHECKING:
    from ser_pcq.protocols.rules import Fold
    from ser_pcq.training.contract import EpochRecord
    from ser_pcq.training.experiment import Experiment

app = new_app(help="Train a speech emotion recognition model, fold by fold.")


def _is_helper() -> bool:
    """Return whether this is a helper process of a distributed run, which says nothing."""
    return int(os.environ.get("RANK", "0")) > 0


class ProgressObserver:
    """Shows a fold's training on stderr: a bar on a terminal, a line for each epoch elsewhere."""

    def __init__(self, title: str, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self.title, self.epochs, self.scores = title, epochs, ""
        self.live = console.is_terminal
        self.silent = _is_helper()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[scores]}"),
            TimeRemainingColumn(),
            console=console,
            disable=self.silent or not self.live,
        )
        self.task = self.progress.add_task(f"{title} reading", total=None, scores="")

    def __enter__(self) -> "ProgressObserver":
        self.progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.progress.stop()

    def on_prepare(self, done: int, total: int) -> None:
        """Show that an utterance has been read and encoded."""
        self.progress.update(self.task, completed=done, total=total, scores=f"{done}/{total}")
        if not (self.live or self.silent) and done % 200 == 0:
            say(f"{self.title}: {done} of {total} prepared")

    def on_step(self, epoch: int, step: int, n_steps: int, loss: float) -> None:
        """Show a training step."""
        self.progress.update(
            self.task,
            description=f"{self.title} epoch {epoch}/{self.epochs}",
            completed=(epoch - 1) * n_steps + step,
            total=self.epochs * n_steps,
            scores=f"loss {loss:.3f} {self.scores}",
        )

    def on_epoch(self, record: "EpochRecord", is_best: bool) -> None:
        """Show the end of an epoch."""
        if record.valid_wa == record.valid_wa:
            star = " (best)" if is_best else ""
            self.scores = (
                f"valid WA {100 * record.valid_wa:.1f} UA {100 * record.valid_ua:.1f}{star}"
            )
        if not (self.live or self.silent):
            say(
                f"{self.title} epoch {record.epoch}/{self.epochs}: loss {record.train_loss:.3f} "
                f"{self.scores} ({record.seconds:.1f} s)"
            )


def _train_here(experiment: "Experiment", fold: "Fold", *, resume: bool) -> None:
    """Train one fold in this process."""
    from ser_pcq.training.run_fold import run_fold

    about = f"fold {fold.number} ({fold.held_out})" if fold.test else "all speakers"
    config = experiment.config
    with ProgressObserver(about, config.train.epochs * (1 + config.protocol.refit)) as observer:
        predictions = run_fold(
            experiment, fold, observer, resume=resume, on_prepare=observer.on_prepare
        )
    if predictions is not None:
        confusion = predictions.confusion()
        say(
            f"{about}: test WA {100 * confusion.weighted_accuracy:.1f} "
            f"UA {100 * confusion.unweighted_accuracy:.1f}"
        )


def _say_what_follows(experiment: "Experiment") -> None:
    """Name the next command."""
    exp_dir, tests = experiment.exp_dir, any(fold.test for fold in experiment.folds)
    leaky = " --allow-leakage" if experiment.verdict.leaks else ""
    following = f"ser-eval {exp_dir}{leaky}" if tests else f"ser-predict PATH… --model {exp_dir}"
    say(f"done; next: {following}")


ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The configuration.")]
DataDir = Annotated[Path, typer.Argument(metavar="DATA_DIR", help="A prepared data directory.")]
ExpDir = Annotated[Path, typer.Argument(metavar="EXP_DIR", help="Where the results go.")]
Folds = Annotated[list[int] | None, typer.Option("--fold", help="Only this fold; may be repeated.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change one value."),
]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of everything random.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue with what is not finished.")]
Jobs = Annotated[
    int,
    typer.Option(min=1, help="Folds that are trained side by side; others go one by one."),
]
CacheDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder for frozen encoder features and fingerprints of recordings.",
        show_default="~/.cache/ser-pcq",
    ),
]
AllowLeakage = Annotated[
    bool,
    typer.Option(
        "--allow-leakage",
        help="Continue where the test set leaks; scores and models are marked as leaky.",
    ),
]


@app.command()
def train(
    config_path: ConfigPath,
    data_dir: DataDir,
    exp_dir: ExpDir,
    fold: Folds = None,
    changes: Changes = None,
    seed: Seed = 0,
    device: Device = "auto",
    resume: Resume = False,
    jobs: Jobs = 1,
    cache_dir: CacheDir = None,
    allow_leakage: AllowLeakage = False,
    version: bool = VERSION_OPTION,
) -> None:
    """Train CONFIG.toml on DATA_DIR; each fold gets a folder in EXP_DIR."""
    from ser_pcq.config.toml import load_config
    from ser_pcq.data.directory import read
    from ser_pcq.training.experiment import open_experiment
    from ser_pcq.training.fold_processes import train_side_by_side
    from ser_pcq.training.network.context_cache import default_cache_dir

    config = load_config(config_path, changes or [])
    data = read(data_dir)
    with progress("comparing recordings") as advance:
        experiment = open_experiment(
            config,
            data,
            exp_dir,
            cache_dir=cache_dir or default_cache_dir(),
            seed=seed,
            device=device,
            allow_leakage=allow_leakage,
            on_compare=advance,
        )
    for leak in experiment.verdict.leaky if not _is_helper() else ():
        say(f"ser-train: warning: leaky: {leak}")
    todo = experiment.unfinished(fold or [], keep_finished=resume)
    # The features of a linear recognizer are computed once, and its folds take seconds.
    side_by_side = jobs > 1 and len(todo) > 1 and config.model.is_network
    try:
        if side_by_side:
            arguments = [config_path, data_dir, exp_dir, "--seed", seed, "--device", device]
            if cache_dir is not None:
                arguments += ["--cache-dir", cache_dir]
            for change in changes or []:
                arguments += ["--set", change]
            if allow_leakage:
                arguments.append("--allow-leakage")
            command = [sys.executable, "-m", "ser_pcq.cli.train", *map(str, arguments), "--resume"]
            train_side_by_side(todo, command, jobs=jobs)
        else:
            for one in todo:
                _train_here(experiment, one, resume=resume)
    except KeyboardInterrupt:
        say("ser-train: interrupted; the same command with --resume continues")
        raise typer.Exit(130) from None
    if fold is None and not _is_helper():
        _say_what_follows(experiment)


def main() -> None:
    """Entry point of `ser-train`."""
    run(app, "ser-train")


if __name__ == "__main__":
    main()
