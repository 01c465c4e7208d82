"""Which tests are slow: what `tests/slow.txt` lists, and what carries the marker itself.

A run of all tests writes the list, on a machine that does nothing else:
`python -m pytest -n 2 --dist loadfile --write-slow 1.0`. Listed are test functions whose cases
together take longer than that many seconds, and fixtures of files that do; tests that use such a
fixture are slow too.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from support.paths import ROOT

LIST = ROOT / "tests" / "slow.txt"
_FIXTURE = "seconds of a fixture"


def listed() -> set[str]:
    """Return the names that are listed, as `tests/ROOM/test_x.py::name`."""
    return set(LIST.read_text(encoding="utf-8").split())


def mark(items: Iterable[pytest.Item]) -> None:
    """Mark the tests that are listed or use what is listed."""
    slow = listed()
    for item in items:
        file, name = item.nodeid.split("::", 1)
        used = (name.split("[")[0], *getattr(item, "fixturenames", ()))
        if any(f"{file}::{one}" in slow for one in used):
            item.add_marker("slow")


class Recorder:
    """A plugin that writes the list."""

    def __init__(self, limit: float, *, is_worker: bool) -> None:
        self.limit, self.is_worker = limit, is_worker
        self.seconds: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef, request: pytest.FixtureRequest
    ) -> Iterator[None]:
        """Time the fixtures of files that several tests share."""
        start = time.perf_counter()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function" and fixturedef.baseid.endswith(".py"):
                name = f"{fixturedef.baseid}::{fixturedef.argname}"
                entry = (_FIXTURE, [name, time.perf_counter() - start])
                request._pyfuncitem.user_properties.append(entry)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the seconds of a test, without those of shared fixtures."""
        name = report.nodeid.split("[")[0]
        self.seconds[name] += report.duration
        if report.when == "teardown":  # by then all are known
            for key, value in report.user_properties:
                if key == _FIXTURE:
                    self.seconds[value[0]] += value[1]
                    self.seconds[name] -= value[1]

    def pytest_sessionfinish(self) -> None:
        """Write the list."""
        if not self.is_worker:
            slow = sorted(name for name, taken in self.seconds.items() if taken > self.limit)
            LIST.write_text("\n".join(slow) + "\n", encoding="utf-8")
