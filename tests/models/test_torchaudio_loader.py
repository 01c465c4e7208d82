"""torchaudio beside every mix of builds: each is imitated in a fresh interpreter."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.paths import ROOT

# As torchaudio 2.x is laid out: the package imports its extension, which looks for library files.
PACKAGE = """
from . import _extension
transforms = "transforms"
extension = _extension.AVAILABLE
"""
EXTENSION = """
from .utils import _load_lib
AVAILABLE = _load_lib("_torchaudio")
if AVAILABLE:
    {after}
"""
UTILS = """
from pathlib import Path
_LIB_DIR = Path(__file__).parent.parent / "lib"

def _load_lib(lib):
    if not list(_LIB_DIR.glob(lib + "*.so")):
        return False
    {load}
    return True
"""


def python(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(map(str, [*folders, ROOT]))
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def imitate(folder: Path, *, load: str = "pass", after: str = "pass") -> Path:
    package = folder / "torchaudio"
    (package / "_extension").mkdir(parents=True)
    (package / "lib").mkdir()
    (package / "lib" / "_torchaudio.so").touch()
    (package / "__init__.py").write_text(PACKAGE)
    (package / "_extension" / "__init__.py").write_text(EXTENSION.format(after=after))
    (package / "_extension" / "utils.py").write_text(UTILS.format(load=load))
    return folder


SHOW = "from ser_pcq.models.torchaudio_loader import torchaudio; print(torchaudio.extension)"


@pytest.mark.parametrize(
    ("case", "extension"),
    [
        ({}, "True"),
        ({"load": "raise OSError('libc10_cuda.so: cannot open shared object file')"}, "False"),
        ({"after": "raise RuntimeError('different CUDA versions')"}, "False"),
        ({"after": "raise ImportError('Failed to load libtorchaudio')"}, "False"),
    ],
    ids=["matching builds", "CPU-only torch", "another CUDA version", "half an extension"],
)
def test_every_mix_of_builds_imports(case, extension, tmp_path):
    result = python(SHOW, imitate(tmp_path, **case))
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == extension


def test_a_torchaudio_that_cannot_work_is_one_clear_error(tmp_path):
    imitate(tmp_path, load="raise OSError('no')")
    (tmp_path / "torchaudio" / "_extension" / "utils.py").write_text("raise OSError('no')")
    result = python(
        """
        from ser_pcq.errors import SerError
        try:
            import ser_pcq.models.torchaudio_loader
        except SerError as error:
            print(error)
        """,
        tmp_path,
    )
    assert "torchaudio" in result.stdout
    assert "install" in result.stdout


def test_the_installed_torchaudio_computes():
    result = python(
        """
        import torch
        from ser_pcq.models.torchaudio_loader import torchaudio
        mel = torchaudio.transforms.MelSpectrogram(16000, n_fft=512, n_mels=40)
        print(mel(torch.randn(1, 16000)).shape[1])
        resampled = torchaudio.functional.resample(torch.randn(1, 44100), 44100, 16000)
        print(resampled.shape[1])
        """
    )
    assert result.stdout.split() == ["40", "16000"], result.stderr


def test_transformers_imports_after_it():
    """transformers imports torchaudio where it finds one; it must find the one that works."""
    result = python(
        """
        import ser_pcq.models.encoders.context
        from transformers.models.whisper.modeling_whisper import WhisperEncoder
        import transformers.audio_utils
        print("ok")
        """
    )
    assert result.stdout.split()[-1:] == ["ok"], result.stderr
