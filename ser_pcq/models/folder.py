"""Where models lie: names and files of a package folder, and those that come with the toolkit.

Nothing here loads one; `checkpoint` and `classifier_onnx` do.
"""

import os
from pathlib import Path

from ser_pcq.errors import CheckpointError

FORMAT = "ser-pcq/1"
"""What the JSON of a package says it is."""

WEIGHTS, ABOUT, CARD = "model.safetensors", "checkpoint.json", "README.md"

LICENCE = "LICENSE"
"""The terms of weights that are not under the toolkit's, and the notices of others in them."""

PRINTS = "audio.safetensors"
"""Fingerprints of the recordings that the model was trained or chosen on."""

VOICE = "voice.safetensors"
"""What adapting the model to a voice needs, besides what ABOUT says."""

GRAPH = "model.onnx"
"""The graph of an embedded model, to predict without torch; its weights are those of WEIGHTS."""

ADAPTED = "adapted.json"
"""What the package of a model says that was adapted to a voice, and is a head over a base."""

HEAD = "head.safetensors"
"""The last layer of such a model."""

EMBEDDED = Path(__file__).parent / "embedded"
"""The models that ship inside the package."""

LARGE_MODEL = "emodb-large"
"""The one that holds a pretrained encoder."""

DEFAULT_MODEL = LARGE_MODEL
"""The one that is used when none is named, here or in MODEL_VARIABLE."""

MODEL_VARIABLE = "SER_PCQ_MODEL"
"""The environment variable that names another default, as `--model` does."""


def embedded_models() -> list[str]:
    """Return the names of the models inside the package."""
    return sorted(p.parent.name for p in EMBEDDED.glob(f"*/{ABOUT}"))


def wanted_default() -> str:
    """Return what names the default model, whether or not there is one of this name."""
    return os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL


def default_model() -> str:
    """Return the model that is used when none is named.

    Raises:
        CheckpointError: When MODEL_VARIABLE names none.
    """
    model = wanted_default()
    if model != DEFAULT_MODEL:
        try:
            find_model(model)
        except CheckpointError as error:
            raise CheckpointError(
                f"the environment variable {MODEL_VARIABLE}: {error}", do="correct it, or unset it"
            ) from error
    return model


def lasting_name(model: str) -> str:
    """Return the embedded name or path of a model so that it holds in every working folder."""
    return model if model in embedded_models() else str(Path(model).expanduser().absolute())


def find_model(model: str) -> Path:
    """Return the folder or the ONNX file of a model, given by embedded name or by path.

    A path may be an ONNX file, a package, or the folder of a fold or of a whole experiment that
    holds exactly one package.

    Raises:
        CheckpointError: When there is none, or more than one.
    """
    if model in embedded_models():
        return EMBEDDED / model
    path = Path(model).expanduser()
    if path.suffix.lower() == ".onnx" and path.is_file():
        return path
    if (path / ABOUT).is_file() or (path / ADAPTED).is_file():
        return path
    found = _packages_below(path) if path.is_dir() else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(p.relative_to(path)) for p in found[:3])
        raise CheckpointError("more than one model there", given=model, do=f"name one: {names} …")
    names = ", ".join(embedded_models()) or "(none embedded)"
    raise CheckpointError(
        "no such model",
        given=model,
        accepted=f"{names}, a folder with {ABOUT} or {ADAPTED}, or an .onnx file",
    )


def _packages_below(folder: Path) -> list[Path]:
    """Return the packages in a folder; the base that an adapted one holds is no other model."""
    adapted = {path.parent for path in folder.glob(f"**/{ADAPTED}")}
    others = {path.parent for path in folder.glob(f"**/{ABOUT}")}
    return sorted(adapted | {one for one in others if one.parent not in adapted})
