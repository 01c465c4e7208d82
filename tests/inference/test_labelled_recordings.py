"""Labels and speakers as they are given in Python."""

from pathlib import Path

import numpy as np
import pytest

from ser_pcq.errors import SerError
from ser_pcq.inference.labelled.recordings import misspelt, paired

FILES = [Path("a.wav"), Path("b.wav"), Path("c.wav")]
EMOTIONS = ["anger", "lazy", "anger"]


@pytest.mark.parametrize("labels", [EMOTIONS, tuple(EMOTIONS), iter(EMOTIONS), np.array(EMOTIONS)])
def test_labels_may_be_held_by_anything_with_an_order(labels):
    found = paired(FILES, labels, iter([1, None, np.str_("anna")]))
    assert [one.emotion for one in found] == EMOTIONS
    assert [one.speaker for one in found] == ["1", None, "anna"]
    assert all(type(one.emotion) is str for one in found)


def test_speakers_may_be_called_as_the_labels():
    assert [one.speaker for one in paired(FILES, EMOTIONS, EMOTIONS)] == EMOTIONS
    assert [one.speaker for one in paired(FILES, EMOTIONS)] == [None, None, None]


@pytest.mark.parametrize(
    ("labels", "speakers", "message"),
    [
        (EMOTIONS[:2], None, "labels are not as many as recordings; given: 3 recordings, 2 labels"),
        (EMOTIONS, ["a"], "speakers are not as many as recordings; given: 3 recordings, 1 speak"),
        (None, EMOTIONS, "speakers without labels"),
        ("abc", None, "labels are not a list; given: str"),
        ({"x", "y", "z"}, None, "labels are not a list; given: set"),
        (dict.fromkeys(FILES, "anger"), None, "labels are not a list; given: dict"),
        (5, None, "labels are not a list; given: int"),
        (EMOTIONS, "abc", "speakers are not a list; given: str"),
        (["anger", None, "anger"], None, "this is no label; given: None"),
        (["anger", 1, "anger"], None, "this is no label; given: 1"),
        (["anger", "", "anger"], None, "this is no label; given: ''"),
        (["anger", "very lazy", "anger"], None, "this is no label; given: 'very lazy'"),
        (["anger", "lazy\n", "anger"], None, "this is no label"),
        (EMOTIONS, [1, float("nan"), 2], "this is no speaker; given: nan"),
    ],
)
def test_what_is_refused(labels, speakers, message):
    with pytest.raises(SerError) as error:
        paired(FILES, labels, speakers)
    assert message in str(error.value)
    assert "accepted: " in str(error.value)


def test_what_may_be_misspelt():
    known = ("anger", "sadness", "neutral", "fear", "boredom")
    found = [misspelt(one, known) for one in ("angr", "Anger", "angry", "netural", "bordom")]
    assert found == ["anger", "anger", "anger", "neutral", "boredom"]
    assert [misspelt(one, known) for one in ("happiness", "lazy", "calm", "sarcastic")] == [
        None
    ] * 4
