"""What the metadata of an ONNX file says of its model."""

from dataclasses import dataclass
from typing import Any

from ser_pcq.models.data_info import DataInfo, Plain, as_json, name_labels_licence, texts

INFO_KEY = "ser-pcq"
"""Where a file's metadata holds its `GraphInfo`, as JSON."""


@dataclass(frozen=True)
class GraphInfo:
    """What the metadata of an ONNX file says of its model.

    Attributes:
        name: What predictions call the model.
        labels: The emotions, in the order of the outputs.
        sample_rate: Of the waveforms that it is given, Hz.
        precision: `float32` or `int8`.
        data: What the model was trained on; None where the file does not say.
        protocol_name: How it was trained; None where the file does not say.
        leaky: How the test set of its training leaked, a sentence each.
        licence: SPDX expression of its licence; None where the file does not say.
    """

    name: str
    labels: tuple[str, ...]
    sample_rate: int
    precision: str
    data: DataInfo | None
    protocol_name: str | None
    leaky: tuple[str, ...]
    licence: str | None = None

    @classmethod
    def from_json(cls, plain: Plain) -> "GraphInfo":
        """Read the metadata of a file.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: When something is missing, or is not
                what it should be.
        """
        name, labels, licence = name_labels_licence(plain)
        data = plain.get("data")
        return cls(
            name=name,
            labels=labels,
            sample_rate=int(plain["sample_rate"]),
            precision=str(plain.get("precision", "float32")),
            data=DataInfo.from_json(data) if data else None,
            protocol_name=plain.get("protocol_name"),
            leaky=texts(plain.get("leaky", [])),
            licence=licence,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the metadata; `licence` only where one is stated."""
        plain = {**as_json(self), "data": None if self.data is None else self.data.to_json()}
        if self.licence is None:
            del plain["licence"]
        return plain
