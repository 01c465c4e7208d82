"""Several data directories become one in which corpora, people and sessions stay apart."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ser_pcq.data import directory as datadir
from ser_pcq.data.combine import combine
from ser_pcq.data.corpus_names import is_prefixed, prefixed
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.data.labels import Relabelling
from ser_pcq.errors import DataError

AS_THEY_ARE = Relabelling({})


def corpus(name: str | None, *emotions: str, folder: str = "d", **facts: object) -> DataDir:
    """A directory of two speakers, a and b, with an utterance of each for each emotion."""
    utterances = [
        Utterance(
            f"{speaker}-{i}",
            Path(f"/audio/{folder}/{speaker}{i}.wav"),
            speaker,
            emotion,
            corpus=name,
            **facts,
        )
        for speaker in ("a", "b")
        for i, emotion in enumerate(emotions)
    ]
    return DataDir(Path(folder), tuple(utterances))


def said(notes: tuple[str, ...]) -> str:
    return "\n".join(notes)


def written(prepared, path: Path) -> DataDir:
    """Write what was combined, and check it as `ser-data validate` does."""
    datadir.write(path, prepared.utterances)
    assert datadir.validate(path, check_audio=False) == []
    return datadir.read(path)


def test_names_of_two_corpora_are_kept_apart(tmp_path: Path) -> None:
    one = corpus("one", "anger", "neutral", folder="x", session="1", sentence="s", gender="f")
    two = corpus("two", "anger", folder="y", session="1", sentence="s", gender="m")
    data = written(combine([one, two], AS_THEY_ARE), tmp_path / "out")
    assert data.speakers == ("one-a", "one-b", "two-a", "two-b")
    assert data.corpora == ("one", "two")
    assert data.corpus is None
    assert {(u.corpus, u.session, u.sentence, u.gender) for u in data.utterances} == {
        ("one", "one-1", "one-s", "f"),
        ("two", "two-1", "two-s", "m"),
    }
    assert (tmp_path / "out" / "utt2corpus").read_text().splitlines()[-1] == "two-b-0 two"
    assert not (tmp_path / "out" / "corpus").exists()
    # By Kaldi's custom, utterances are in the same order as their speakers.
    by_speaker = sorted(data.utterances, key=lambda u: (u.speaker, u.utterance_id))
    assert [u.utterance_id for u in by_speaker] == [u.utterance_id for u in data.utterances]


def test_what_only_some_corpora_know_is_kept_of_those(tmp_path: Path) -> None:
    one = corpus("one", "anger", "fear", session="1", text="hm", vad=(1, 2, 3), gender="f")
    two = corpus("two", "anger", "fear", folder="y", split="train", ratings=("r1:anger",))
    prepared = combine([one, two], AS_THEY_ARE)
    data = written(prepared, tmp_path / "out")
    for u in data.utterances:
        known = (u.session, u.text, u.vad, u.gender, u.split, u.ratings)
        assert known == (
            ("one-1", "hm", (1.0, 2.0, 3.0), "f", None, ())
            if u.corpus == "one"
            else (None, None, None, None, "train", ("two-r1:anger",))
        )
    assert "utt2session is known of one only" in said(prepared.notes)
    assert "utt2split is known of two only" in said(prepared.notes)
    assert "scale" not in said(prepared.notes)
    two = corpus("two", "anger", folder="y", vad=(1, 1, 1))
    assert "scale of each corpus: one, two" in said(combine([one, two], AS_THEY_ARE).notes)


def test_within_a_corpus_a_file_is_still_of_all_or_of_none(tmp_path: Path) -> None:
    both = combine(
        [corpus("one", "anger", session="1", gender="f"), corpus("two", "anger", folder="y")],
        AS_THEY_ARE,
    )
    written(both, tmp_path / "out")
    for name, kind in (("utt2session", "id-mismatch"), ("spk2gender", "inconsistent-speaker")):
        path = tmp_path / "out" / name
        before = path.read_text()
        path.write_text(before.splitlines(keepends=True)[0])
        assert [p.kind for p in datadir.validate(path.parent, check_audio=False)] == [kind]
        path.write_text(before)
    path = tmp_path / "out" / "utt2corpus"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    assert "id-mismatch" in {p.kind for p in datadir.validate(path.parent, check_audio=False)}
    path.write_text("".join(lines))
    (tmp_path / "out" / "corpus").write_text("one\n")
    (problem,) = datadir.validate(path.parent, check_audio=False)
    assert (problem.kind, "keep one" in problem.message) == ("bad-value", True)


def test_a_speaker_is_of_one_corpus(tmp_path: Path) -> None:
    one, two = (corpus(name, "anger", folder=name).utterances for name in ("one", "two"))
    mixed = [*one, *(replace(u, utterance_id=f"x{u.utterance_id}") for u in two)]
    with pytest.raises(DataError, match="speakers of more than one corpus: a, b"):
        datadir.write(tmp_path / "out", mixed)


def test_combined_directories_are_combined_again_without_another_prefix(tmp_path: Path) -> None:
    parts = [corpus(n, "anger", folder=n, session="1", original=None) for n in ("p", "q", "r")]
    at_once = combine(parts, AS_THEY_ARE).utterances
    first = written(combine(parts[:2], AS_THEY_ARE), tmp_path / "first")
    assert combine([first, parts[2]], AS_THEY_ARE).utterances == at_once
    alone = DataDir(Path("p"), tuple(u for u in first.utterances if u.corpus == "p"))
    assert combine([alone, *parts[1:]], AS_THEY_ARE).utterances == at_once
    with pytest.raises(DataError, match=r"of p have utterances with the same ids.*p-a-0"):
        combine([first, parts[0]], AS_THEY_ARE)


def test_directories_of_one_corpus_go_together_where_ids_do_not_collide(tmp_path: Path) -> None:
    known = corpus("one", "anger", session="1", gender="f", text="a")
    more = [
        replace(u, utterance_id=f"z{u.utterance_id}", session=None, gender=None, text="b")
        for u in known.utterances
    ]
    prepared = combine([known, DataDir(Path("e"), tuple(more))], AS_THEY_ARE)
    data = written(prepared, tmp_path / "out")
    assert (data.corpus, data.speakers) == ("one", ("one-a", "one-b"))
    assert (tmp_path / "out" / "corpus").read_text() == "one\n"
    # A speaker has one gender in both; a session that one lacks is known of neither.
    assert {(u.gender, u.session) for u in data.utterances} == {("f", None)}
    assert "utt2session of one is left out: it is not known of 2 of 4" in said(prepared.notes)
    with pytest.raises(DataError, match=r"of one have utterances with the same ids.* in d and d"):
        combine([known, known], AS_THEY_ARE)


def test_a_corpus_needs_a_name_and_one_spelling() -> None:
    with pytest.raises(DataError, match="echo NAME > d/corpus"):
        combine([corpus("one", "anger"), corpus(None, "anger")], AS_THEY_ARE)
    with pytest.raises(DataError, match="given: One and one"):
        combine([corpus("One", "anger"), corpus("one", "anger")], AS_THEY_ARE)
    # `a` + `b-a-0` and `a-b` + `a-0` would be the same.
    odd = corpus("a", "anger").utterances
    odd = tuple(replace(u, utterance_id=f"b-{u.utterance_id}") for u in odd)
    with pytest.raises(DataError, match="a and a-b have utterances with the same ids"):
        combine([DataDir(Path("d"), odd), corpus("a-b", "anger")], AS_THEY_ARE)


def test_emotions_come_under_common_names() -> None:
    one, two = corpus("one", "angry", "Neutral"), corpus("two", "anger", "calm", "awe")
    prepared = combine([one, two], AS_THEY_ARE)
    assert {u.emotion for u in prepared.utterances} == {"anger", "neutral", "calm", "awe"}
    assert "emotions of one were renamed: Neutral to neutral (2 utterances), angry to anger" in (
        said(prepared.notes)
    )
    assert "of one corpus only, with their utterances: awe (two, 2), calm (two, 2), neutral" in (
        said(prepared.notes)
    )
    kept = combine([one, two], AS_THEY_ARE, common=False)
    assert "angry" in {u.emotion for u in kept.utterances}
    assert "renamed" not in said(kept.notes)


@pytest.mark.parametrize(
    ("mapping", "drop", "names"),
    [
        ({"calm": "neutral"}, (), {"anger", "neutral", "awe"}),
        # By the name in the corpus, or by the common one.
        ({"angry": "rage"}, (), {"rage", "anger", "neutral", "calm", "awe"}),
        ({"anger": "rage"}, (), {"rage", "neutral", "calm", "awe"}),
        ({"angry": "angry"}, (), {"angry", "anger", "neutral", "calm", "awe"}),
        ({}, ("anger", "awe"), {"neutral", "calm"}),
        ({}, ("angry",), {"anger", "neutral", "calm", "awe"}),
    ],
)
def test_emotions_are_renamed_and_left_out_as_asked(mapping, drop, names) -> None:
    both = [corpus("one", "angry", "Neutral"), corpus("two", "anger", "calm", "awe")]
    prepared = combine(both, Relabelling(mapping, drop))
    assert {u.emotion for u in prepared.utterances} == names


def test_emotions_that_do_not_fit_together_are_refused() -> None:
    both = [corpus("one", "happy", "joy", "fear"), corpus("two", "happiness")]
    with pytest.raises(DataError, match=r"happy and joy.*--map happy=happiness,joy=happiness"):
        combine(both, AS_THEY_ARE)
    merged = combine(both, Relabelling({"happy": "happiness", "joy": "happiness"}))
    assert {u.emotion for u in merged.utterances} == {"happiness", "fear"}
    apart = combine(both, Relabelling({"joy": "joy"}))
    assert {u.emotion for u in apart.utterances} == {"happiness", "joy", "fear"}
    with pytest.raises(DataError, match="did you mean 'fear'"):
        combine(both, Relabelling({"feer": "anger", "joy": "joy"}))
    with pytest.raises(DataError, match="no utterance is left"):
        combine(both, Relabelling({}, ("happiness", "fear")))
    rest = combine(both, Relabelling({"joy": "joy"}, ("happiness",)))
    assert "no utterance of two is left" in said(rest.notes)


def test_unknown_speakers_stay_unknown(tmp_path: Path) -> None:
    nobody = tuple(
        replace(u, speaker=UNKNOWN_SPEAKER, gender=None) for u in corpus("two", "anger").utterances
    )
    known = corpus("one", "anger", folder="y", gender="f")
    prepared = combine([known, DataDir(Path("d"), nobody)], AS_THEY_ARE)
    data = written(prepared, tmp_path / "out")
    assert data.speakers == ("one-a", "one-b", UNKNOWN_SPEAKER)
    assert "not known of 2 of 2 utterances of two: the speaker stays `unknown`" in (
        said(prepared.notes)
    )


def test_copies_stay_copies_of_their_originals(tmp_path: Path) -> None:
    told = corpus("one", "anger", original="a-0")
    named = DataDir(
        Path("e"),
        tuple(
            replace(u, utterance_id=f"{copy}{u.utterance_id}", speaker=f"{copy}{u.speaker}")
            for copy in ("", "sp0.9-")
            for u in corpus("two", "anger", folder="y").utterances
        ),
    )
    prepared = combine([told, named], AS_THEY_ARE)
    originals = {u.utterance_id: u.original for u in written(prepared, tmp_path / "o").utterances}
    assert originals["one-b-0"] == "one-a-0"
    assert originals["two-sp0.9-a-0"] == originals["two-a-0"] == "two-a-0"
    assert "copies by their names, written to utt2uniq: two-sp0.9-a-0" in said(prepared.notes)
    plain = combine([corpus("one", "anger"), corpus("two", "anger")], AS_THEY_ARE)
    assert {u.original for u in plain.utterances} == {None}


def test_recordings_get_the_name_of_their_corpus_too(
    tmp_path: Path, tone: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk, single = tone(tmp_path / "x" / "talk.wav", seconds=2), tone(tmp_path / "y" / "talk.wav")
    monkeypatch.chdir(tmp_path)
    halves = [
        Utterance("1", Path("x", talk.name), "a", "anger", end=1.0),
        Utterance("2", Path("x", talk.name), "b", "fear", start=1.0),
    ]
    datadir.write("one", halves, corpus="one")
    datadir.write("two", [Utterance("1", single, "a", "anger")], corpus="two", relative_to_dir=True)
    (tmp_path / "deep").mkdir()
    both = combine([datadir.read("one"), datadir.read("two")], AS_THEY_ARE)
    datadir.write(tmp_path / "deep" / "out", both.utterances)
    monkeypatch.chdir("/")
    out = tmp_path / "deep" / "out"
    assert datadir.validate(out) == []
    assert (out / "wav.scp").read_text() == f"one-talk {talk}\ntwo-talk {single}\n"
    assert (out / "segments").read_text().splitlines() == [
        "one-1 one-talk 0.0 1.0", "one-2 one-talk 1.0 -1", "two-1 two-talk 0.0 -1"
    ]  # fmt: skip


words = st.text("ab-1ü", min_size=1, max_size=4)


@st.composite
def corpora(draw: st.DrawFn) -> list[DataDir]:
    """Directories of corpora with any names, in which anything may look like a prefix."""
    found = []
    for name in draw(st.lists(words, min_size=1, max_size=3, unique_by=str.casefold)):
        ids = draw(st.lists(words | words.map(lambda w, n=name: prefixed(n, w)), min_size=1,
                            max_size=4, unique=True))  # fmt: skip
        speakers = st.sampled_from((*"xyz", prefixed(name, "x"), UNKNOWN_SPEAKER))
        utterances = [
            Utterance(i, Path("/a.wav"), draw(speakers), "anger", corpus=name)
            for i in sorted(ids, key=str.encode)
        ]
        found.append(DataDir(Path(name), tuple(utterances)))
    return found


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(given=corpora())
def test_whatever_the_names_people_stay_as_many_and_come_back(
    tmp_path_factory: pytest.TempPathFactory, given: list[DataDir]
) -> None:
    names = [d.corpus or "" for d in given]
    # Where one begins with the other's name and a dash, names may collide, which is refused.
    assume(not any(is_prefixed(a, b) for a in names for b in names))
    path = tmp_path_factory.getbasetemp() / "combined" / "data"
    datadir.write(path, combine(given, AS_THEY_ARE).utterances)
    data = datadir.read(path)
    assert len(data.utterances) == sum(len(d.utterances) for d in given)
    for name, before in zip(names, given, strict=True):
        of = [u for u in data.utterances if u.corpus == name]
        assert len({u.speaker for u in of}) == len(before.speakers)
        ids = {u.utterance_id for u in before.utterances}
        kept = all(is_prefixed(name, i) for i in ids)
        assert {u.utterance_id for u in of} == (ids if kept else {prefixed(name, i) for i in ids})
    assert combine([data], AS_THEY_ARE).utterances == list(data.utterances)
