"""What all tests share: where models and corpora lie, small recordings, and running commands."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before any test imports transformers: tests never go to the network.
os.environ["HF_HUB_OFFLINE"] = "1"
# Before torch is loaded, here and in commands: what tests compute is small, and on a loaded machine
# threads that wait for one another make it a hundred times slower.
os.environ["OMP_NUM_THREADS"] = "1"
# Commands use the default model of the package.
os.environ.pop("SER_PCQ_MODEL", None)

import numpy as np
import pytest
import soundfile
from support import ready, slow
from support.commands import Done, run_apart, run_here
from support.paths import ROOT


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where commands remember what they said, here that they named every licence already."""
    from support.licences import remembered

    folder = remembered(tmp_path_factory.mktemp("state"))
    os.environ["XDG_STATE_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Corpora and models that are not part of the repository: SER_PCQ_SHARED, or `../shared`."""
    folder = Path(os.environ.get("SER_PCQ_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"needs corpora and models, and there is no folder {folder}")
    return folder


def _inside(shared: Path, *parts: str) -> Path:
    folder = shared.joinpath(*parts)
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which is not there")
    # Its own place, as data directories record it, should it be reached through a link.
    return folder.resolve()


@pytest.fixture(scope="session")
def emodb_dir(shared_dir: Path) -> Path:
    """The complete EMO-DB."""
    return _inside(shared_dir, "data", "emodb")


@pytest.fixture(scope="session")
def whisper_dir(shared_dir: Path) -> Path:
    """The encoder of Whisper base."""
    return _inside(shared_dir, "models", "whisper-base-encoder")


@pytest.fixture(scope="session")
def tone() -> Callable[..., Path]:
    """Write a sine: `tone(path, seconds=1, rate=16000, channels=1, frequency=440, peak=0.5,
    swell=0)`; with `swell` it comes and goes so many times a second, as syllables do."""

    def write(
        path: Path,
        *,
        seconds: float = 1.0,
        rate: int = 16_000,
        channels: int = 1,
        frequency: float = 440.0,
        peak: float = 0.5,
        swell: float = 0.0,
        **options: str,
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        times = np.arange(round(seconds * rate)) / rate
        wave = peak * np.sin(2 * np.pi * frequency * times)
        if swell:
            wave *= np.sin(np.pi * swell * times) ** 2
        soundfile.write(path, np.stack([wave] * channels, axis=1), rate, **options)
        return path

    return write


@pytest.fixture
def no_media(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which neither PyAV nor `ffmpeg` decodes media."""
    from ser_pcq.audio.decoders import ffmpeg, pyav

    monkeypatch.setattr(pyav, "is_installed", lambda: False)
    monkeypatch.setattr(ffmpeg, "program", lambda: None)


@pytest.fixture(scope="session")
def command() -> Callable[..., Done]:
    """Run a command, `command("data", "--help")`, in this process; see `run_here`."""
    return run_here


@pytest.fixture(scope="session")
def process() -> Callable[..., Done]:
    """Run a command as a user does, in its own process: `process("data", "--help")`."""
    return run_apart


@pytest.fixture(scope="session")
def commands_on_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment with the commands on its path; they start at once, see `support.ready`."""
    with ready.commands(tmp_path_factory.mktemp("bin")) as folder:
        path = f"{folder}:{os.environ['PATH']}"
        yield {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


# They take longest. Were one of them begun last, the other processes would wait for it.
LONGEST = (
    "test_export.py",
    "test_gpu_recipe.py",
    "test_every_corpus.py",
    "test_cli.py",
    "test_own_data.py",
    "test_reproducibility.py",
    "test_train.py",
    "test_cost.py",
    "test_recipes.py",
    "test_decode_check.py",
    "test_fold.py",
    "test_guard_cli.py",
)
LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes anew which tests are slow."""
    parser.addoption("--write-slow", type=float, metavar="SECONDS", help="write tests/slow.txt")


def pytest_configure(config: pytest.Config) -> None:
    """Record how long tests take, where that was asked for."""
    if (limit := config.getoption("--write-slow")) is not None:
        is_worker = hasattr(config, "workerinput")
        config.pluginmanager.register(slow.Recorder(limit, is_worker=is_worker))


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and begin with the longest files."""
    slow.mark(items)

    def place(item: pytest.Item) -> int:
        name = item.path.name
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=place)


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the tests that are left out, for the process that prints the summary."""
    output = getattr(items[0].config, "workeroutput", None) if items else None
    if output is not None:
        output["left_out"] = output.get("left_out", 0) + len(items)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the count over: every process counts all tests."""
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", 0)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many tests were left out; pytest does so itself where it is one process."""
    if n := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{n} tests were deselected; `make test` runs everything")
