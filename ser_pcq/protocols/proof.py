"""What the files of an experiment prove of its protocol, judged anew whenever it is scored."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from ser_pcq.config.toml import from_dict, to_dict
from ser_pcq.errors import ConfigError, DataError, ScoreError
from ser_pcq.files import write_json, write_text
from ser_pcq.protocols.copies import AUDIO, read_copies
from ser_pcq.protocols.leakage import check_folds, check_provenance
from ser_pcq.protocols.provenance import (
    PROVENANCE,
    Provenance,
    ProvenanceRecord,
    read_provenance,
)
from ser_pcq.protocols.rules import PROTOCOLS, rule_of
from ser_pcq.protocols.split_file import SPLIT, Split, read_split
from ser_pcq.protocols.verdict import Leak, LeakKind, Verdict

# Files that an experiment is proved with, next to the provenance of its folds.
FACTS = (SPLIT, AUDIO, "config.json")


class Stamp(TypedDict, total=False):
    """What marks a score in a JSON file; only `verified` is always there."""

    leaky: list[str]
    model_leaky: list[str]
    notes: list[str]
    verified: dict[str, str]


@dataclass(frozen=True)
class Proof:
    """What is known of how predictions were made.

    Attributes:
        protocol: As scores name it; None where there is no `split.json`.
        split_sha256: Hash of the split; None likewise.
        verdict: What was checked, and what leaks.
        provenance: For each fold what was fitted or chosen on which utterances.
        model_leaky: How the training of the models leaked that were run on other data.
        notes: What else makes the score another one than the model's own, a line each.
        corpora: Where each fold tests a corpus, number of the fold to its name.
    """

    protocol: str | None = None
    split_sha256: str | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict((), {}))
    provenance: tuple[ProvenanceRecord, ...] = ()
    model_leaky: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    corpora: Mapping[int, str] = field(default_factory=dict)

    def stamp(self) -> Stamp:
        """Return what marks a score: `verified`, and `leaky` and `notes` where there are any."""
        stamp = Stamp()
        if self.verdict.leaks:
            stamp["leaky"] = self.verdict.leaky
        if self.model_leaky:
            stamp["model_leaky"] = list(self.model_leaky)
        if self.notes:
            stamp["notes"] = list(self.notes)
        stamp["verified"] = self.verdict.verified
        return stamp


def _provenances(exp_dir: Path, split: Split) -> dict[int, Provenance]:
    """Read the provenance of each fold that has one: from its folder, else from the one list."""
    found = {}
    for fold in split.folds:
        for path in (exp_dir / fold.name / PROVENANCE, exp_dir / PROVENANCE):
            if path.exists():
                found[fold.number] = read_provenance(path, fold, split.sha256)
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
        copies = read_copies(exp_dir / AUDIO, split.sha256)
        provenances = _provenances(exp_dir, split)
    except DataError as error:
        raise ScoreError(str(error)) from error
    rule = rule_of(split.protocol, split.session_mates)
    groups = split.groups or {}
    sides = check_folds(split.folds, groups, rule, copies)
    fits = check_provenance(split.folds, provenances, groups, rule, adapted=split.adapted)
    leaks = sides.leaks + fits.leaks
    earlier = _found_in_training(provenances, {leak.kind for leak in leaks})
    # Where the files have lost a leak, they prove nothing else either.
    verified = {} if earlier else {**sides.verified, **fits.verified}
    return Proof(
        split.name,
        split.sha256,
        Verdict(leaks + earlier, verified),
        tuple(
            provenances[fold.number].to_record(fold, split.sha256)
            for fold in split.folds
            if fold.number in provenances
        ),
        corpora={fold.number: fold.held_out for fold in split.folds}
        if PROTOCOLS[split.protocol].tested == "corpus"
        else {},
    )


def _found_in_training(
    provenances: Mapping[int, Provenance], known: set[LeakKind]
) -> tuple[Leak, ...]:
    """Return what the guard found when folds were trained, and the files no longer show."""
    return tuple(
        leak
        for provenance in provenances.values()
        for leak in provenance.leaks
        if leak.kind not in known
    )


def keep_facts(exp_dir: Path, proof: Proof, out_dir: Path) -> list[Path]:
    """Write what proves the predictions beside a report that goes elsewhere; return the paths.

    Files of another experiment that are already there are deleted: they would prove nothing.

    Raises:
        ScoreError: When a file cannot be read.
    """
    written = []
    if exp_dir.resolve() != out_dir.resolve():
        for name in (*FACTS, PROVENANCE):
            (out_dir / name).unlink(missing_ok=True)
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

    A key that was added since has its default, which is what went without saying before.

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
    try:
        return to_dict(from_dict(config))
    except (ConfigError, TypeError, AttributeError):
        return config  # of a version with other keys: it can still be compared as it is
