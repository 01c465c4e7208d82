"""What the metadata of an ONNX file says of an adaptation, fingerprints included."""

import base64
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ser_pcq.audio.fingerprint import AudioPrint, load_prints, save_prints
from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.models.adapted.info import FORMAT, AdaptedInfo
from ser_pcq.models.folder import PRINTS

ADAPTED_KEY = "ser-pcq-adapted"
"""Where the metadata has it: the content of `adapted.json`, and that of `audio.safetensors`."""


def to_metadata(info: AdaptedInfo, prints: Sequence[AudioPrint]) -> str:
    """Return the text; 210 bytes per second of audio, nearly all of it for the fingerprints."""
    with tempfile.TemporaryDirectory() as folder:
        save_prints(Path(folder, PRINTS), prints)
        content = Path(folder, PRINTS).read_bytes()
    return json.dumps({**info.to_json(), "prints": base64.b64encode(content).decode("ascii")})


def of_metadata(text: str) -> tuple[AdaptedInfo, list[AudioPrint]]:
    """Read the text.

    Raises:
        CheckpointError: When it is damaged, or of a foreign format.
    """
    try:
        plain = json.loads(text)
        if plain["format"] != FORMAT:
            raise ValueError(f"the format is {plain['format']}, not {FORMAT}")
        content = base64.b64decode(plain["prints"], validate=True)
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, PRINTS).write_bytes(content)
            return AdaptedInfo.from_json(plain), load_prints(Path(folder, PRINTS))
    except (SerError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            "damaged ONNX file of an adapted model", do=f"export it again ({error})"
        ) from error
