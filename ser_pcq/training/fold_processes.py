"""Folds trained side by side, each in a separate process."""

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ser_pcq.errors import SerError
from ser_pcq.protocols.rules import Fold


def train_side_by_side(folds: Sequence[Fold], command: Sequence[str], *, jobs: int) -> None:
    """Train folds, so many at a time, and wait for all of them.

    Args:
        folds: What to train.
        command: A command that trains the fold named by `--fold NUMBER`, which is added to it. It
            shows its own progress, on stderr.
        jobs: How many run at a time. Each uses its share of the cores, unless `OMP_NUM_THREADS`
            says otherwise.

    Raises:
        SerError: When folds failed, naming them; the others have been trained.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}

    def train(fold: Fold) -> int:
        done = subprocess.run([*command, "--fold", str(fold.number)], env=environment, check=False)
        return done.returncode

    with ThreadPoolExecutor(jobs) as pool:
        codes = list(pool.map(train, folds))
    failed = [str(fold.number) for fold, code in zip(folds, codes, strict=True) if code]
    if failed:
        raise SerError(
            "folds failed", given=", ".join(failed), do="see above, then continue with --resume"
        )
