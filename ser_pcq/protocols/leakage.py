"""The guard: proves that nothing of a test fold was known before it was scored.

It judges facts: the sides of each fold, what is known of each utterance (speaker, session,
sentence, the original of a copy), pairs of recordings that are copies of one another, and the
provenance of what was fitted or chosen. Training asks it twice, before it begins and before it
scores the test fold; `ser-eval` asks it again, from the files that training left.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from ser_pcq.data.corpus_names import apart
from ser_pcq.data.utterance import UNKNOWN_SPEAKER
from ser_pcq.protocols.copies import with_originals
from ser_pcq.protocols.provenance import Provenance
from ser_pcq.protocols.rules import (
    Fold,
    GroupKind,
    Groups,
    Kind,
    SplitRule,
    UtteranceGroups,
    plural,
)
from ser_pcq.protocols.verdict import Leak, LeakKind, Verdict

# What is known of an utterance that no table names.
NOTHING_KNOWN = UtteranceGroups()


def _named(ids: Iterable[str], groups: Groups, kind: GroupKind) -> set[str]:
    """Return the groups of a kind that utterances belong to, as far as they are known."""
    known = (groups.get(i, NOTHING_KNOWN).name_of(kind) for i in ids)
    named = {name for name in known if name is not None}
    return named - {UNKNOWN_SPEAKER} if kind == "speaker" else named


def _unknown(one: Sequence[str], other: Sequence[str], groups: Groups) -> list[str]:
    """Return the utterances of two sides whose speaker is not known, and may be on both of them.

    People of two corpora are different.
    """
    found = []
    for here, there in ((one, other), (other, one)):
        corpora = {groups.get(i, NOTHING_KNOWN).corpus for i in there}
        for i in here:
            about = groups.get(i, NOTHING_KNOWN)
            if about.speaker == UNKNOWN_SPEAKER and not apart(about.corpus, corpora):
                found.append(i)
    return found


def _shared(kind: Kind) -> LeakKind:
    """Return the word for a group that is on two sides."""
    return LeakKind(f"shared-{kind}")


def _side_leaks(fold: Fold, groups: Groups, rule: SplitRule) -> list[Leak]:
    """Find what is on two sides of a fold."""
    leaks = []
    chosen_on_test = bool(fold.valid) and set(fold.valid) == set(fold.test)
    if chosen_on_test:
        sentence = "validation and test are the same utterances"
        leaks.append(Leak(LeakKind.CHOSEN_ON_TEST, sentence, fold.number, fold.valid))
    for a, b in combinations(("train", "valid", "test"), 2):
        if chosen_on_test and "valid" in (a, b):
            continue
        one, other = fold.sides[a], fold.sides[b]
        if both := sorted(set(one) & set(other)):
            sentence = f"utterances stand in {a} and in {b}"
            leaks.append(Leak(LeakKind.SAME_UTTERANCE, sentence, fold.number, tuple(both)))
        kinds = rule.apart if b == "test" else rule.kept_whole
        for kind in kinds:
            if shared := sorted(_named(one, groups, kind) & _named(other, groups, kind)):
                sentence = f"{plural(kind)} stand in {a} and in {b}"
                leaks.append(Leak(_shared(kind), sentence, fold.number, tuple(shared)))
        both_sides = bool(one and other) and "speaker" in kinds
        if both_sides and (unknown := _unknown(one, other, groups)):
            sentence = f"who speaks is not known; it may be the same in {a} and in {b}"
            leaks.append(Leak(LeakKind.UNKNOWN_SPEAKER, sentence, fold.number, tuple(unknown)))
        shared = sorted(_named(one, groups, "original") & _named(other, groups, "original"))
        if shared := [name for name in shared if name not in both]:
            sentence = f"an utterance and a copy of it stand in {a} and in {b}"
            leaks.append(Leak(LeakKind.AUGMENTED_COPY, sentence, fold.number, tuple(shared)))
        if same := _named(one, groups, "audio") & _named(other, groups, "audio"):
            names = [
                i
                for i in (*one, *other)
                if groups.get(i, NOTHING_KNOWN).audio in same and i not in both
            ]
            if names:
                sentence = f"the same recording stands in {a} and in {b}"
                leaks.append(Leak(LeakKind.COPIED_AUDIO, sentence, fold.number, tuple(names)))
    return leaks


def _overlap(a: str, b: str, groups: Groups) -> bool:
    """Say whether two utterances are of two speakers of one session, who may talk at once."""
    one, other = groups.get(a, NOTHING_KNOWN), groups.get(b, NOTHING_KNOWN)
    same_session = one.session is not None and one.session == other.session
    return same_session and one.speaker != other.speaker


def _copy_leaks(fold: Fold, copies: Iterable[tuple[str, str]], groups: Groups) -> list[Leak]:
    """Find recordings that are copies of one another on two sides.

    Partners in a dialogue are heard on each other's recordings. Between training and validation
    that says nothing about the test fold, and it is what validating on one of them means.
    """
    side_of = {i: name for name, ids in fold.sides.items() for i in ids}
    leaks = []
    for a, b in copies:
        if a in side_of and b in side_of and side_of[a] != side_of[b]:
            first, second = sorted((side_of[a], side_of[b]), key=list(fold.sides).index)
            if second != "test" and _overlap(a, b, groups):
                continue
            sentence = f"the same or nearly the same audio stands in {first} and in {second}"
            leaks.append(Leak(LeakKind.COPIED_AUDIO, sentence, fold.number, (f"{a} = {b}",)))
    return leaks


def check_folds(
    folds: Sequence[Fold],
    groups: Groups,
    rule: SplitRule,
    copies: Sequence[tuple[str, str]] | None,
) -> Verdict:
    """Judge folds before anything is trained on them.

    Args:
        folds: The folds.
        groups: What is known of each utterance.
        rule: The protocol; it says what must be on different sides.
        copies: Pairs of utterances with the same audio; None when it was not compared.
    """
    groups = with_originals(groups)
    leaks = [leak for fold in folds for leak in _side_leaks(fold, groups, rule)]
    leaks += [leak for fold in folds for leak in _copy_leaks(fold, copies or (), groups)]
    found = {leak.kind for leak in leaks}
    n = sum(bool(fold.test) for fold in folds)
    everybody = {i for fold in folds for ids in fold.sides.values() for i in ids}
    verified = {}
    for kind in rule.apart if n else ():
        known = all(groups.get(i, NOTHING_KNOWN).name_of(kind) is not None for i in everybody)
        known = known and not (kind == "speaker" and LeakKind.UNKNOWN_SPEAKER in found)
        if known and _shared(kind) not in found and LeakKind.SAME_UTTERANCE not in found:
            verified[plural(kind)] = (
                f"no {kind} of {n} test folds is known from training or choosing"
            )
    compared = copies is not None and all(
        groups.get(i, NOTHING_KNOWN).audio is not None for i in everybody
    )
    if compared and LeakKind.COPIED_AUDIO not in found:
        verified["audio"] = (
            f"{len(everybody)} recordings compared: no copy on another side of a fold"
        )
    if groups and LeakKind.AUGMENTED_COPY not in found:
        verified["copies"] = "no utterance is named as a copy of one on another side of a fold"
    return Verdict(tuple(leaks), verified)


def check_provenance(
    folds: Sequence[Fold],
    provenances: Mapping[int, Provenance],
    groups: Groups,
    rule: SplitRule,
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
        if not found & {LeakKind.FITTED_ON_TEST, LeakKind.CHOSEN_ON_TEST}:
            verified["fitting"] = f"{', '.join(things)}: never from a test fold"
        if LeakKind.STATISTICS_OUTSIDE_TRAINING not in found:
            verified["statistics"] = "normalisation was fitted on what the weights learnt from"
    return Verdict(tuple(leaks), verified)


# Things that are chosen by looking at scores; everything else is fitted.
CHOSEN = ("epoch", "hyper-parameters", "temperature")
# What a speaker-adapted protocol may take from a test speaker, without labels.
ADAPTED = "speaker statistics"


def _fitting_leaks(
    fold: Fold, provenance: Provenance, groups: Groups, rule: SplitRule, allowed: set[str]
) -> list[Leak]:
    """Find what has seen the test fold of its model, or more than the weights have."""
    leaks = []
    tested = set(fold.test)
    for thing, ids in sorted(provenance.seen.items()):
        if thing in allowed:
            continue
        kind = LeakKind.CHOSEN_ON_TEST if thing in CHOSEN else LeakKind.FITTED_ON_TEST
        if seen := sorted(ids & tested):
            verb = "chosen" if thing in CHOSEN else "fitted"
            sentence = f"{thing} {verb} on test utterances"
            leaks.append(Leak(kind, sentence, fold.number, tuple(seen)))
            continue
        for group in rule.apart:
            shared = _named(ids - tested, groups, group) & _named(tested, groups, group)
            if shared:
                sentence = f"{thing} has seen {plural(group)} of the test fold"
                leaks.append(Leak(_shared(group), sentence, fold.number, tuple(sorted(shared))))
    outside = provenance.seen.get("normalisation", set()) - provenance.seen.get("weights", set())
    if outside:
        sentence = "statistics fitted on utterances that are not trained on"
        names = tuple(sorted(outside))
        leaks.append(Leak(LeakKind.STATISTICS_OUTSIDE_TRAINING, sentence, fold.number, names))
    return leaks
