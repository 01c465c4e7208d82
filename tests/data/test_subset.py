"""A part of a data directory is what was asked for, complete and the same every time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.data.subset import Choice, Limits, choose, draw, read_ids
from ser_pcq.errors import DataError

EMOTIONS = ("anger", "fear", "neutral")
DATA = DataDir(
    Path("d"),
    tuple(
        Utterance(f"{c}-{s}-{i}", Path(f"/{c}{s}{i}.wav"), f"{c}-{s}", EMOTIONS[i % 3], corpus=c)
        for c in ("one", "two")
        for s in "abc"
        for i in range(7)
    ),
)
limits = st.none() | st.integers(1, 50)


def count(utterances: tuple[Utterance, ...], what: str) -> Counter:
    return Counter(getattr(u, what) for u in utterances)


def test_names_choose_together() -> None:
    chosen = choose(DATA, Choice({"speaker": ["one-a", "two-b"], "emotion": ["fear"]}))
    assert count(chosen, "speaker") == {"one-a": 2, "two-b": 2}
    assert count(chosen, "emotion") == {"fear": 4}
    rest = choose(DATA, Choice({"corpus": ["two"]}, {"speaker": ["two-a"], "emotion": ["anger"]}))
    assert set(count(rest, "speaker")) == {"two-b", "two-c"}
    assert set(count(rest, "emotion")) == {"fear", "neutral"}
    some = choose(DATA, Choice({"emotion": ["anger"]}, ids=["two-b-0", "one-a-0", "one-a-1"]))
    assert [u.utterance_id for u in some] == ["one-a-0", "two-b-0"]
    assert choose(DATA, Choice()) == DATA.utterances


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (Choice({"speaker": ["one-d"]}), r"this speaker; given: one-d; did you mean 'one-"),
        (Choice(without={"speaker": ["03"]}), r"this speaker; given: 03; one of: one-a, one-b"),
        (Choice({"emotion": ["feer"]}), "this emotion; given: feer; did you mean 'fear'"),
        (Choice({"corpus": ["too"]}), "this corpus; given: too; did you mean 'two'"),
        (Choice(ids=["one-a-0", "x", "y"]), "given: 2 of 3: x, y; .*such as one-a-0"),
        (
            Choice({"speaker": ["one-a"]}, {"corpus": ["one"]}),
            "no utterance is left; given: speaker one-a; no corpus one; .*ser-data summary d",
        ),
    ],
)
def test_what_is_not_there_is_refused(choice: Choice, told: str) -> None:
    with pytest.raises(DataError, match=told):
        choose(DATA, choice)


def test_a_directory_without_the_name_of_its_corpus_says_so() -> None:
    unnamed = DataDir(Path("d"), tuple(replace(u, corpus=None) for u in DATA.utterances))
    with pytest.raises(DataError, match="d does not name its corpus"):
        choose(unnamed, Choice({"corpus": ["one"]}))


@given(total=limits, speaker=limits, emotion=limits, seed=st.integers(0, 99))
def test_a_draw_keeps_its_limits_and_is_as_large_as_it_can_be(
    total: int | None, speaker: int | None, emotion: int | None, seed: int
) -> None:
    asked = Limits(total, speaker, emotion)
    drawn = draw(DATA.utterances, asked, seed)
    assert drawn == draw(tuple(reversed(DATA.utterances)), asked, seed)[::-1]
    assert list(drawn) == [u for u in DATA.utterances if u in drawn]
    by_speaker, by_emotion = count(drawn, "speaker"), count(drawn, "emotion")
    full = lambda n, limit: limit is not None and n >= limit  # noqa: E731
    assert not full(len(drawn), (total or len(drawn)) + 1)
    assert all(n <= (speaker or n) for n in by_speaker.values())
    assert all(n <= (emotion or n) for n in by_emotion.values())
    for u in set(DATA.utterances) - set(drawn):
        assert (
            full(len(drawn), total)
            or full(by_speaker[u.speaker], speaker)
            or full(by_emotion[u.emotion], emotion)
        )


@given(n=st.integers(1, 41), seed=st.integers(0, 99))
def test_a_smaller_draw_is_part_of_a_larger_one(n: int, seed: int) -> None:
    assert set(draw(DATA.utterances, Limits(n), seed)) < set(
        draw(DATA.utterances, Limits(n + 1), seed)
    )
    of_each = Limits(speaker=1)
    assert len({draw(DATA.utterances, of_each, s) for s in range(5)}) == 5


def test_unknown_speakers_of_a_corpus_are_counted_as_one() -> None:
    nobody = tuple(replace(u, speaker=UNKNOWN_SPEAKER) for u in DATA.utterances)
    assert count(draw(nobody, Limits(speaker=4), 0), "corpus") == {"one": 4, "two": 4}


def test_a_list_has_ids_at_the_beginning_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes("\ufeffone-a-0 some more\r\n\n\tone-b-1\n".encode())
    assert read_ids(path) == ("one-a-0", "one-b-1")
    for content, told in ((b" \n", "is empty"), (b"\xff\xfe", "not UTF-8"), (None, "No such file")):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match=told):
            read_ids(path)
        path.touch()


def test_all_files_are_restricted_to_what_is_left(
    tmp_path: Path, tone: Callable[..., Path]
) -> None:
    talks = [tone(tmp_path / f"{name}.wav", seconds=2) for name in ("left", "right")]
    whole = [
        Utterance(
            f"{speaker}{i}",
            talks[n],
            speaker,
            EMOTIONS[i],
            gender="mf"[n],
            session=f"s{n}",
            text="hm",
            split="train",
            vad=(1.0, 2.0, 3.0) if i else None,
            ratings=("r:anger",) if i else (),
            start=float(i) or None,
            end=i + 1.0,
            corpus="talks",
        )
        for n, speaker in enumerate("ab")
        for i in range(2)
    ]
    datadir.write(tmp_path / "d", whole)
    data = datadir.read(tmp_path / "d")
    datadir.write(tmp_path / "part", choose(data, Choice({"speaker": ["b"]})))
    assert datadir.validate(tmp_path / "part") == []
    assert datadir.read(tmp_path / "part").utterances == tuple(whole[2:])
    files = {path.name: path.read_text() for path in (tmp_path / "part").iterdir()}
    assert files["wav.scp"] == f"right {talks[1]}\n"
    assert files["spk2gender"] == "b f\n"
    assert files["utt2vad"] == "b1 1.0 2.0 3.0\n"
    assert files["corpus"] == "talks\n"
    assert set(files) == {path.name for path in (tmp_path / "d").iterdir()}
