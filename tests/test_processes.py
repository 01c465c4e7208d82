"""Processes that crash, hang or raise lose only their item; nothing outlives who asked for it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
from support.paths import ROOT

from ser_pcq.errors import Reason, SerError
from ser_pcq.processes import Crash, each_isolated, map_isolated, sign_of_life


def behave(how):
    """What the name says; anything else is given back."""
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        os._exit(4)
    if how == "hang":
        time.sleep(600)
    if how == "slow":
        for _ in range(6):
            time.sleep(0.6)
            sign_of_life()
    if how == "raise":
        raise EOFError("gone")
    if how == "no result":
        return lambda: 0
    return how


def test_each_item_that_fails_loses_only_itself_and_its_reason_is_known():
    ways = ["a", "crash", "slow", "b", "exit", "raise", "hang", "no result", "", "c"]
    seen = []
    begun = time.monotonic()
    results = map_isolated(behave, ways, jobs=3, timeout=4, on_progress=lambda *n: seen.append(n))
    assert time.monotonic() - begun < 100
    reasons = {w: r.reason for w, r in zip(ways, results, strict=True) if isinstance(r, Crash)}
    assert "pickle" in reasons.pop("no result").sentence
    assert reasons == {
        "crash": Reason("crashed", "SIGSEGV ended its process"),
        "exit": Reason("crashed", "its process ended itself, with exit code 4"),
        "raise": Reason("crashed", "EOFError: gone"),
        "hang": Reason("timeout", "nothing happened for 4 s"),
    }
    assert [r for r in results if not isinstance(r, Crash)] == ["a", "slow", "b", "", "c"]
    assert seen == [(n, len(ways)) for n in range(1, len(ways) + 1)]
    assert multiprocessing.active_children() == []


def test_whoever_stops_listening_waits_for_nothing():
    results = each_isolated(behave, ["a", "hang", "hang", "hang"], jobs=2)
    assert next(results) == "a"
    begun = time.monotonic()
    results.close()
    assert time.monotonic() - begun < 20
    assert multiprocessing.active_children() == []


def test_a_script_without_a_guard_learns_what_it_lacks(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from ser_pcq.processes import map_isolated\n"
        "from ser_pcq.errors import SerError\n"
        "try:\n    map_isolated(abs, [1], jobs=1)\n"
        "except SerError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert 'if __name__ == "__main__"' in done.stdout


def test_no_process_can_be_started(monkeypatch):
    monkeypatch.setattr("ser_pcq.processes._work", int)  # ends before it says that it has begun
    with pytest.raises(SerError, match="ends before it begins"):
        map_isolated(abs, [1, 2], jobs=2)
    assert multiprocessing.active_children() == []
