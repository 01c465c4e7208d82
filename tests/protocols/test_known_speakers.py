"""The same person is recognised under the names of a corpus and of a combined directory."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.models.data_info import DataInfo
from ser_pcq.protocols.known_speakers import KnownSpeakers, Person, persons
from ser_pcq.protocols.leakage import check_folds
from ser_pcq.protocols.rules import PROTOCOLS, Fold, groups_of

ONE = DataInfo("d", "emodb", 9, ("03", "08"), ("09",), ("10",))
UNNAMED = replace(ONE, corpus=None)
SEVERAL = DataInfo(
    "d",
    None,
    9,
    ("emodb-03", "own-1", UNKNOWN_SPEAKER),
    ("emodb-09",),
    ("emodb-10", "third-1"),
    {"emodb": ("emodb-03", "emodb-09"), "own": ("own-1",), "wild": (UNKNOWN_SPEAKER,)},
)


@pytest.mark.parametrize(
    ("info", "speaker", "corpus", "known"),
    [
        (ONE, "03", "emodb", True),
        (ONE, "03", "EMODB", True),
        (ONE, "emodb-03", "emodb", True),
        (ONE, "emodb-09", "emodb", True),
        (ONE, "emodb-10", "emodb", False),
        (ONE, "03", "own", False),
        (ONE, "own-03", "own", False),
        (ONE, "03", None, True),
        (ONE, "emodb-03", None, False),
        (UNNAMED, "03", "emodb", True),
        (UNNAMED, "emodb-03", "emodb", True),
        (SEVERAL, "03", "emodb", True),
        (SEVERAL, "emodb-03", "emodb", True),
        (SEVERAL, "10", "emodb", False),
        (SEVERAL, "1", "own", True),
        (SEVERAL, "1", "third", False),
        (SEVERAL, "03", "own", False),
        (SEVERAL, "03", None, True),
        (SEVERAL, "emodb-03", None, True),
    ],
)
def test_people_are_known_by_corpus_and_name(info, speaker, corpus, known) -> None:
    assert KnownSpeakers(info).knows(Person(speaker, corpus)) == known


@pytest.mark.parametrize(
    ("info", "speaker", "corpus", "doubtful"),
    [
        (ONE, "11", "emodb", False),
        (ONE, UNKNOWN_SPEAKER, "emodb", True),
        (ONE, UNKNOWN_SPEAKER, "own", False),
        (ONE, UNKNOWN_SPEAKER, None, True),
        # Of the corpora that a model has learnt from, one has unknown speakers.
        (SEVERAL, "11", "emodb", False),
        (SEVERAL, "11", "wild", True),
        (SEVERAL, "11", None, True),
        (SEVERAL, UNKNOWN_SPEAKER, "own", True),
        (SEVERAL, UNKNOWN_SPEAKER, "third", False),
    ],
)
def test_nobody_may_be_anybody_of_the_same_corpus(info, speaker, corpus, doubtful) -> None:
    assert KnownSpeakers(info).may_know(Person(speaker, corpus)) == doubtful


def test_foreign_corpora_are_none_that_were_learnt_from() -> None:
    known = KnownSpeakers(SEVERAL)
    assert [known.is_foreign(c) for c in ("emodb", "Own", "third", None)] == [0, 0, 1, 0]
    assert [KnownSpeakers(UNNAMED).is_foreign(c) for c in ("emodb", None)] == [False, False]


def test_a_package_keeps_whom_it_knows_of_which_corpus() -> None:
    for info in (ONE, UNNAMED, SEVERAL):
        assert DataInfo.from_json(json.loads(json.dumps(info.to_json()))) == info
    # Packages of one corpus stay as they were.
    assert "corpora" not in ONE.to_json()


def of(corpus: str | None, speaker: str, n: int) -> list[Utterance]:
    return [
        Utterance(f"{corpus}-{speaker}-{i}", Path("a.wav"), speaker, "anger", corpus=corpus)
        for i in range(n)
    ]


def test_the_same_name_in_two_corpora_is_two_people() -> None:
    data = DataDir(Path("d"), (*of("a", "1", 2), *of("b", "1", 1), *of("a", "0", 1)))
    assert persons(data) == [Person("0", "a"), Person("1", "a"), Person("1", "b")]


@pytest.mark.parametrize(("corpus", "leaks"), [("b", set()), ("a", {"unknown-speaker"})])
def test_unknown_speakers_of_another_corpus_are_nobody_of_the_test_fold(corpus, leaks) -> None:
    """As where a whole corpus is left out."""
    tested = of("a", "a-1", 2)
    learnt = [*of(corpus, UNKNOWN_SPEAKER, 2), *of("b", "b-1", 2)]
    groups = groups_of([*tested, *learnt])
    assert {about.corpus for about in groups.values()} == {"a", "b"}
    fold = Fold(
        1, "a", tuple(u.utterance_id for u in learnt), (), tuple(u.utterance_id for u in tested)
    )
    verdict = check_folds([fold], groups, PROTOCOLS["fixed"], None)
    assert {leak.kind for leak in verdict.leaks} == leaks
    assert ("speakers" in verdict.verified) == (not leaks)
    # Splits of one corpus stay what they were: nothing is added to what they say.
    assert {about.corpus for about in groups_of(tested).values()} == {None}
