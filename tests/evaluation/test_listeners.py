"""Human listeners as a row: hand-worked, on the real listening test, and refused when damaged."""

from pathlib import Path

import pytest

from ser_pcq.data.corpora import emodb
from ser_pcq.data.directory import Utterance
from ser_pcq.errors import DataError
from ser_pcq.evaluation.listeners import RECOGNITION, read_recognition, score_listeners

HEADER = "Nr.\tSatz\terkannt\tnatuerlich\n"


def utterance(name, speaker, emotion):
    return Utterance(name, Path("none.wav"), speaker, emotion)


def test_shares_are_averaged_over_recordings_and_over_emotions():
    utterances = [utterance(n, "s1", "anger") for n in ("a", "b", "c")]
    utterances.append(utterance("d", "s2", "fear"))
    scores = score_listeners(utterances, {"a": 1.0, "b": 0.8, "c": 0.6, "d": 0.4, "more": 0.0})
    assert scores.wa == pytest.approx(2.8 / 4)
    assert scores.ua == pytest.approx((0.8 + 0.4) / 2)
    assert scores.recall == {"anger": pytest.approx(0.8), "fear": pytest.approx(0.4)}
    # Two speakers: a resample holds the one, the other, or both.
    assert scores.wa_interval == pytest.approx((0.4, 0.8))
    assert score_listeners(utterances[:3], dict.fromkeys("abc", 1.0)).wa_interval is None


def test_the_released_table_is_read(tmp_path):
    text = HEADER + "1\xa0\xa0\t03a01Ab.wav\t65,00\xa0\xa0\t35,00\n2\t03a01Eb.wav\t100\t0\n"
    (tmp_path / RECOGNITION).write_bytes(text.encode("latin-1"))
    rates = read_recognition(tmp_path / RECOGNITION)
    assert rates == {"03a01Ab": pytest.approx(0.65), "03a01Eb": 1.0}


@pytest.mark.parametrize(
    "line", ["1\t03a01Ab.wav", "1\tx\t5\t5", "1\ta.wav\tviel\t5", "1\ta.wav\t101\t5"]
)
def test_another_table_is_refused(tmp_path, line):
    (tmp_path / RECOGNITION).write_text(HEADER + line + "\n")
    with pytest.raises(DataError, match="line 2"):
        read_recognition(tmp_path / RECOGNITION)
    with pytest.raises(DataError, match="cannot be read"):
        read_recognition(tmp_path / "none.txt")


def test_a_recording_without_a_rate_is_refused():
    with pytest.raises(DataError, match="1, such as b"):
        score_listeners([utterance("a", "s", "x"), utterance("b", "s", "x")], {"a": 1.0})


def test_the_listeners_of_emodb(emodb_dir, command):
    utterances = emodb.prepare(emodb_dir).utterances
    scores = score_listeners(utterances, read_recognition(emodb_dir / RECOGNITION))
    assert scores.n_utterances == 535
    assert round(100 * scores.wa, 1) == 93.5
    assert round(100 * scores.ua, 1) == 93.0
    done = command("data", "listeners", emodb_dir)
    assert done.returncode == 0, done.stderr
    assert "WA  93.5" in done.stdout
