"""The one place that imports torchaudio, for every mix of CPU and CUDA builds.

torchaudio's compiled extension is linked against the CUDA libraries of the torch it was built for.
Beside a CPU-only torch, or one of another CUDA version, loading it raises, and the import of the
whole package with it. What this project uses (transforms, resampling, mel filters) is pure Python
and needs no extension. torchaudio has a supported way of working without it: when it finds no
library file in its `lib` folder it marks the extension as absent and continues. So, only when the
plain import fails, torchaudio is imported again with that folder name pointing at nothing.

Every module of this project that needs torchaudio, or a library that imports it (transformers
does), imports it from here first::

    from ser_pcq.models.torchaudio_loader import torchaudio
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from ser_pcq.errors import SerError

_DO = "install torchaudio of the same release and build as torch (pip install torch torchaudio)"


def _forget_torchaudio() -> None:
    """Remove the half-imported modules that a failed import leaves behind."""
    for name in [n for n in sys.modules if n == "torchaudio" or n.startswith("torchaudio.")]:
        del sys.modules[name]


def _import_without_extension() -> ModuleType:
    """Import torchaudio with its extension marked as absent."""
    package = importlib.util.find_spec("torchaudio")
    if package is None or not package.submodule_search_locations:
        raise SerError("torchaudio is not installed", do=_DO)
    folder = Path(next(iter(package.submodule_search_locations))) / "_extension"
    name = "torchaudio._extension.utils"
    spec = importlib.util.spec_from_file_location(name, folder / "utils.py")
    if spec is None or spec.loader is None or not (folder / "utils.py").is_file():
        raise SerError("torchaudio cannot be used without its compiled extension", do=_DO)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # torchaudio looks for its libraries in this folder; one that is not there means "no extension".
    module._LIB_DIR = folder / "no-such-folder"  # type: ignore[attr-defined]
    sys.modules[name] = module
    return importlib.import_module("torchaudio")


def load_torchaudio() -> ModuleType:
    """Return torchaudio, with its compiled extension where that loads and without it elsewhere.

    Raises:
        SerError: When torchaudio is not installed, or not usable at all.
    """
    if "torchaudio" in sys.modules and hasattr(sys.modules["torchaudio"], "transforms"):
        return sys.modules["torchaudio"]
    try:
        return importlib.import_module("torchaudio")
    except ModuleNotFoundError as error:
        raise SerError("torchaudio is not installed", do=_DO) from error
    except (OSError, RuntimeError, ImportError):
        # OSError: a CUDA library is missing. RuntimeError: torch has another CUDA version.
        _forget_torchaudio()
        try:
            return _import_without_extension()
        except (OSError, RuntimeError, ImportError, AttributeError) as error:
            _forget_torchaudio()
            raise SerError(f"torchaudio does not import ({error})", do=_DO) from error


torchaudio: ModuleType = load_torchaudio()
