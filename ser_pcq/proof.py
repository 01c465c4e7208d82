"""What the files of an experiment prove of its protocol, judged anew whenever it is scored."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ser_pcq.audio_copies import AUDIO, read_copies
from ser_pcq.errors import DataError, ScoreError
from ser_pcq.files import write_json, write_text
from ser_pcq.leakage import Verdict, check_folds, check_provenance
from ser_pcq.protocols import Fold
from ser_pcq.provenance import PROVENANCE, Provenance, read_provenance
from ser_pcq.splits import SPLIT, read_split

# Files that an experiment is proved with, next to the provenance of its folds.
FACTS = (SPLIT, AUDIO, "config.json")


@dataclass(frozen=True)
class Proof:
    """What is known of how predictions were made.

    Attributes:
        protocol: As scores name it; None where there is no `split.json`.
        split_sha256: Hash of the split; None likewise.
        verdict: What was checked, and what leaks.
        provenance: For each fold what was fitted or chosen on which utterances.
    """

    protocol: str | None = None
    split_sha256: str | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict((), {}))
    provenance: tuple[dict[str, Any], ...] = ()

    def stamp(self) -> dict[str, Any]:
        """Return what marks a score: `leaky`, a list, where anything leaks, and `verified`."""
        leaky = {"leaky": self.verdict.leaky} if self.verdict.leaks else {}
        return {**leaky, "verified": self.verdict.verified}


def _provenances(exp_dir: Path, folds: tuple[Fold, ...]) -> dict[int, Provenance]:
    """Read the provenance of each fold that has one: from its folder, else from the one list."""
    found = {}
    for fold in folds:
        for path in (exp_dir / fold.name / PROVENANCE, exp_dir / PROVENANCE):
            if path.exists():
                found[fold.number] = read_provenance(path, fold)
                break
    return found


def prove(exp_dir: Path) -> Proof:
    """Judge an experiment folder by its files.

    Raises:
        ScoreError: When one of the files is damaged.
    """
    if not (exp_dir / SPLIT).exists():
        return Proof()
    try:
        split = read_split(exp_dir / SPLIT)
        copies = read_copies(exp_dir / AUDIO)
        provenances = _provenances(exp_dir, split.folds)
    except DataError as error:
        raise ScoreError(str(error)) from error
    sides = check_folds(split.folds, split.groups, split.protocol, copies)
    fits = check_provenance(split.folds, provenances, split.groups, split.protocol)
    return Proof(
        split.name,
        split.sha256,
        Verdict(sides.leaks + fits.leaks, {**sides.verified, **fits.verified}),
        tuple(
            provenances[fold.number].to_dict(fold)
            for fold in split.folds
            if fold.number in provenances
        ),
    )


def keep_facts(exp_dir: Path, proof: Proof, out_dir: Path) -> list[Path]:
    """Write what proves the predictions beside a report that goes elsewhere; return the paths.

    Raises:
        ScoreError: When a file cannot be read.
    """
    written = []
    if exp_dir.resolve() != out_dir.resolve():
        for name in FACTS:
            if (exp_dir / name).is_file():
                try:
                    write_text(out_dir / name, (exp_dir / name).read_text(encoding="utf-8"))
                except UnicodeDecodeError as error:
                    raise ScoreError("damaged file", given=exp_dir / name) from error
                written.append(out_dir / name)
        if proof.provenance:
            write_json(out_dir / PROVENANCE, list(proof.provenance))
            written.append(out_dir / PROVENANCE)
    return written


def read_config(exp_dir: Path) -> dict[str, Any] | None:
    """Return the configuration that an experiment folder was made with; None without one.

    Raises:
        ScoreError: When the file is damaged.
    """
    path = exp_dir / "config.json"
    if not path.exists():
        return None
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ScoreError("config.json is damaged", given=path) from error
    return config
