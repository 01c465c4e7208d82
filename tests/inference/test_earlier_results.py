"""Earlier results beside recordings: what is known is not judged again, whatever has changed."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from ser_pcq.errors import Reason
from ser_pcq.inference.inputs import NamedFile
from ser_pcq.inference.jobs import earlier
from ser_pcq.inference.jobs.journal import Journal
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import Prediction, Status

NAMES = st.lists(st.sampled_from("abcdefghij"), max_size=40)


def listed(name):
    path = Path(f"{name}.wav")
    return NamedFile(path, path, utterance=f"utt {name}") if name in "abc" else path


def told(name, status=Status.OK):
    reason = Reason("failed", "out of memory") if status is Status.ERROR else None
    utterance = f"utt {name}" if name in "abc" else None
    return Prediction(
        f"{name}.wav", status, reason, 1.0, "fear", 0.9, {"fear": 0.9}, "m", utterance=utterance
    )


def eager(recordings, ahead):
    """Judge as processes do: `ahead` recordings are taken before the first result is given."""
    taken = []
    for one in recordings:
        taken.append(one)
        if len(taken) > ahead:
            yield name_of(taken.pop(0))
    yield from map(name_of, taken)


def name_of(one):
    return told((one.path if isinstance(one, NamedFile) else one).stem)


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.booleans()), max_size=40),
    NAMES,
    st.integers(0, 5),
    st.sampled_from([1, 3, 1000]),
)
@settings(max_examples=150, deadline=None)
def test_each_recording_gets_its_result_in_order_and_none_is_judged_twice(
    before, now, ahead, limit
):
    """Earlier results in any order, errors among them; names that come more than once."""
    judged = []

    def predict_all(recordings):
        for one in eager(recordings, ahead):
            judged.append(Path(one.path).stem)
            yield one

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal")
        statuses = iter(Status.ERROR if fails else Status.OK for _, fails in before)
        first = Journal(path, PredictOptions("emodb-small"))
        results = first.completed(
            [listed(name) for name, _ in before],
            lambda recordings: (told(name_of(one).path[0], next(statuses)) for one in recordings),
        )
        assert len(list(results)) == len(before)
        again = Journal(path, PredictOptions("emodb-small"), resume=True)
        good = [name for name, fails in before if not fails]
        assert len(again) == len(good)
        held, earlier._AHEAD = earlier._AHEAD, limit
        try:
            found = list(again.completed(map(listed, now), predict_all))
        finally:
            earlier._AHEAD = held
    assert found == [told(name) for name in now]
    # Each earlier entry is looked up once, in its own order: an error is judged again.
    entries = {name: [not fails for one, fails in before if one == name] for name in "abcdefghij"}
    expected = []
    for name in now:
        known = entries[name].pop(0) if entries[name] else False
        expected += [] if known else [name]
    assert judged == expected
