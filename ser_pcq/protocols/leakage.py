"""The guard: proves that nothing of a test fold was known before it was scored.

It judges facts: the sides of each fold, what is known of each utterance (speaker, session,
sentence, the original of a copy), pairs of recordings that are copies of one another, and the
provenance of what was fitted or chosen. Training asks it twice, before it begins and before it
scores the test fold; `ser-eval` asks it again, from the files that training left.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from ser_pcq.data.utterance import UNKNOWN_SPEAKER
from ser_pcq.errors import SerError
from ser_pcq.protocols.copy_names import with_originals
from ser_pcq.protocols.provenance import Provenance
from ser_pcq.protocols.rules import Fold, Protocol

Groups = Mapping[str, Mapping[str, str]]
"""Utterance id to kind (`speaker`, `session`, `sentence`, `original`, and `audio`, the hash of its
samples) to name."""


class LeakageError(SerError):
    """A split, or a fitted model, that knows something of what it is tested on."""


@dataclass(frozen=True)
class Leak:
    """One way in which folds leak.

    Attributes:
        kind: A stable word: `shared-speaker`, `unknown-speaker`, `shared-session`,
            `shared-sentence`, `same-utterance`, `augmented-copy`, `copied-audio`,
            `chosen-on-test`, `fitted-on-test` or `statistics-outside-training`.
        message: What is wrong, without folds and names.
        fold: Number of the fold.
        names: The offending speakers, utterances and so on.
    """

    kind: str
    message: str
    fold: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """What was checked, and what did not hold.

    Attributes:
        leaks: Everything that leaks; empty for a clean run.
        verified: What was checked and holds, a word to a sentence.
    """

    leaks: tuple[Leak, ...]
    verified: dict[str, str]

    @property
    def leaky(self) -> list[str]:
        """Return one line for each kind of leak."""
        return describe(self.leaks)

    def refuse(self) -> None:
        """Stop unless nothing leaks.

        Raises:
            LeakageError: With the offending ids, and what to do.
        """
        if self.leaks:
            raise LeakageError(
                "this would leak the test set",
                given="; ".join(self.leaky),
                do="mend the data or the split; --allow-leakage goes on all the same, and marks "
                "every score and model that comes of it as leaky",
            )


def describe(leaks: Iterable[Leak]) -> list[str]:
    """Return one line for each kind and message: folds, and the first few names."""
    lines: dict[tuple[str, str], tuple[set[int], dict[str, None]]] = {}
    for leak in leaks:
        folds, names = lines.setdefault((leak.kind, leak.message), (set(), {}))
        folds.add(leak.fold)
        names.update(dict.fromkeys(leak.names))
    told = []
    for (kind, message), (folds, names) in lines.items():
        where = (
            "fold " + ", ".join(map(str, sorted(folds)))
            if len(folds) < 5
            else (f"{len(folds)} folds")
        )
        listed = ", ".join(list(names)[:8])
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        told.append(f"{kind}: {message} ({where}): {listed}{more}")
    return told


def _named(ids: Iterable[str], groups: Groups, kind: str) -> set[str]:
    """Return the groups of a kind that utterances belong to, as far as they are known."""
    named = {groups[i][kind] for i in ids if kind in groups.get(i, {})}
    return named - {UNKNOWN_SPEAKER} if kind == "speaker" else named


def _unknown(ids: Iterable[str], groups: Groups) -> list[str]:
    """Return the utterances of which nobody knows who speaks."""
    return [i for i in ids if groups.get(i, {}).get("speaker") == UNKNOWN_SPEAKER]


def _side_leaks(fold: Fold, groups: Groups, rule: Protocol) -> list[Leak]:
    """Find what stands on two sides of a fold."""
    leaks = []
    chosen_on_test = bool(fold.valid) and set(fold.valid) == set(fold.test)
    if chosen_on_test:
        message = "validation and test are the same utterances"
        leaks.append(Leak("chosen-on-test", message, fold.number, fold.valid))
    for a, b in combinations(("train", "valid", "test"), 2):
        if chosen_on_test and "valid" in (a, b):
            continue
        one, other = fold.sides[a], fold.sides[b]
        if both := sorted(set(one) & set(other)):
            message = f"utterances stand in {a} and in {b}"
            leaks.append(Leak("same-utterance", message, fold.number, tuple(both)))
        kinds = rule.apart if b == "test" else (rule.validated,)
        for kind in kinds:
            if shared := sorted(_named(one, groups, kind) & _named(other, groups, kind)):
                message = f"{kind}s stand in {a} and in {b}"
                leaks.append(Leak(f"shared-{kind}", message, fold.number, tuple(shared)))
        both_sides = bool(one and other) and "speaker" in kinds
        if both_sides and (unknown := _unknown((*one, *other), groups)):
            message = f"who speaks is not known; it may be the same in {a} and in {b}"
            leaks.append(Leak("unknown-speaker", message, fold.number, tuple(unknown)))
        shared = sorted(_named(one, groups, "original") & _named(other, groups, "original"))
        if shared := [name for name in shared if name not in both]:
            message = f"an utterance and a copy of it stand in {a} and in {b}"
            leaks.append(Leak("augmented-copy", message, fold.number, tuple(shared)))
        if same := _named(one, groups, "audio") & _named(other, groups, "audio"):
            names = [i for i in (*one, *other) if groups[i].get("audio") in same and i not in both]
            if names:
                message = f"the same recording stands in {a} and in {b}"
                leaks.append(Leak("copied-audio", message, fold.number, tuple(names)))
    return leaks


def _overlap(a: str, b: str, groups: Groups) -> bool:
    """Say whether two utterances are of two speakers of one session, who may talk at once."""
    one, other = groups.get(a, {}), groups.get(b, {})
    same_session = one.get("session") is not None and one.get("session") == other.get("session")
    return same_session and one.get("speaker") != other.get("speaker")


def _copy_leaks(fold: Fold, copies: Iterable[tuple[str, str]], groups: Groups) -> list[Leak]:
    """Find recordings that are copies of one another on two sides.

    Partners in a dialogue are heard on each other's recordings. Between training and validation
    that tells nothing of the test fold, and it is what validating on one of them means.
    """
    side_of = {i: name for name, ids in fold.sides.items() for i in ids}
    leaks = []
    for a, b in copies:
        if a in side_of and b in side_of and side_of[a] != side_of[b]:
            first, second = sorted((side_of[a], side_of[b]), key=list(fold.sides).index)
            if second != "test" and _overlap(a, b, groups):
                continue
            message = f"the same or nearly the same audio stands in {first} and in {second}"
            leaks.append(Leak("copied-audio", message, fold.number, (f"{a} = {b}",)))
    return leaks


def check_folds(
    folds: Sequence[Fold],
    groups: Groups,
    rule: Protocol,
    copies: Sequence[tuple[str, str]] | None,
) -> Verdict:
    """Judge folds before anything is trained on them.

    Args:
        folds: The folds.
        groups: What is known of each utterance.
        rule: The protocol; it says what must be apart.
        copies: Pairs of utterances with the same audio; None when nobody looked.
    """
    groups = with_originals(groups)
    leaks = [leak for fold in folds for leak in _side_leaks(fold, groups, rule)]
    leaks += [leak for fold in folds for leak in _copy_leaks(fold, copies or (), groups)]
    found = {leak.kind for leak in leaks}
    n = sum(bool(fold.test) for fold in folds)
    everybody = {i for fold in folds for ids in fold.sides.values() for i in ids}
    verified = {}
    for kind in rule.apart if n else ():
        known = all(kind in groups.get(i, {}) for i in everybody)
        known = known and not (kind == "speaker" and _unknown(everybody, groups))
        if known and f"shared-{kind}" not in found and "same-utterance" not in found:
            verified[f"{kind}s"] = f"no {kind} of {n} test folds is known from training or choosing"
    compared = copies is not None and all("audio" in groups.get(i, {}) for i in everybody)
    if compared and "copied-audio" not in found:
        verified["audio"] = (
            f"{len(everybody)} recordings compared: no copy on another side of a fold"
        )
    if groups and "augmented-copy" not in found:
        verified["copies"] = "no utterance is named as a copy of one on another side of a fold"
    return Verdict(tuple(leaks), verified)


def check_provenance(
    folds: Sequence[Fold],
    provenances: Mapping[int, Provenance],
    groups: Groups,
    rule: Protocol,
    *,
    adapted: bool = False,
) -> Verdict:
    """Judge what was fitted or chosen; a fold without provenance leaves nothing verified.

    Args:
        folds: The folds.
        provenances: Number of a fold to what was fitted or chosen.
        groups: What is known of each utterance.
        rule: The protocol.
        adapted: Whether the protocol normalises with the test speaker's unlabelled utterances.
    """
    leaks = []
    allowed = {ADAPTED} if adapted else set()
    for fold in folds:
        if fold.number in provenances:
            leaks += _fitting_leaks(fold, provenances[fold.number], groups, rule, allowed)
    found = {leak.kind for leak in leaks}
    verified = {}
    if folds and all(fold.number in provenances for fold in folds):
        things = sorted({thing for p in provenances.values() for thing in p.seen} - allowed)
        if adapted:
            verified["adaptation"] = (
                "features are normalised with all unlabelled utterances of their own speaker, "
                "the test speaker's too, as this protocol says"
            )
        if not found & {"fitted-on-test", "chosen-on-test"}:
            verified["fitting"] = f"{', '.join(things)}: never from a test fold"
        if "statistics-outside-training" not in found:
            verified["statistics"] = "normalisation was fitted on what the weights learnt from"
    return Verdict(tuple(leaks), verified)


# Things that are chosen by looking at scores; everything else is fitted.
CHOSEN = ("epoch", "hyper-parameters", "temperature")
# What a speaker-adapted protocol may take from a test speaker, without labels.
ADAPTED = "speaker statistics"


def _fitting_leaks(
    fold: Fold, provenance: Provenance, groups: Groups, rule: Protocol, allowed: set[str]
) -> list[Leak]:
    """Find what has seen the test fold of its model, or more than the weights have."""
    leaks = []
    tested = set(fold.test)
    for thing, ids in sorted(provenance.seen.items()):
        if thing in allowed:
            continue
        kind = "chosen-on-test" if thing in CHOSEN else "fitted-on-test"
        if seen := sorted(ids & tested):
            verb = "chosen" if thing in CHOSEN else "fitted"
            message = f"{thing} {verb} on test utterances"
            leaks.append(Leak(kind, message, fold.number, tuple(seen)))
            continue
        for group in rule.apart:
            shared = _named(ids - tested, groups, group) & _named(tested, groups, group)
            if shared:
                message = f"{thing} has seen {group}s of the test fold"
                leaks.append(Leak(f"shared-{group}", message, fold.number, tuple(sorted(shared))))
    outside = provenance.seen.get("normalisation", set()) - provenance.seen.get("weights", set())
    if outside:
        message = "statistics fitted on utterances that are not trained on"
        names = tuple(sorted(outside))
        leaks.append(Leak("statistics-outside-training", message, fold.number, names))
    return leaks
