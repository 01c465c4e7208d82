"""Puts a head into a package: its weights, its graph and what its JSON says."""

import json
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from ser_pcq.errors import CheckpointError
from ser_pcq.files import whole_file, write_json
from ser_pcq.models.data_info import as_json
from ser_pcq.models.folder import ABOUT, CARD, FORMAT, GRAPH, WEIGHTS, find_model
from ser_pcq.models.info import SpeechHeadInfo
from ser_pcq.models.onnx_export.speech import with_head
from ser_pcq.models.sharing.files import read_weights
from ser_pcq.models.sharing.graphs import with_weights, without_weights, write_sources
from ser_pcq.models.speech_head.head import SpeechHead


def add_head(model: str, head: SpeechHead, info: SpeechHeadInfo) -> None:
    """Put a head into a package, in the place of one that it may have.

    A graph that shares the package's weights gets the head as well, and the card anew. The JSON is
    written last.

    Args:
        model: Embedded name or path of a package.
        head: Fitted on its embeddings.
        info: What it was fitted on.

    Raises:
        CheckpointError: When the model is missing or damaged, or no package, or when its graph does
            not share its weights.
    """
    folder = find_model(model)
    card = (folder / CARD).read_text(encoding="utf-8") if (folder / CARD).is_file() else None
    graph = folder / GRAPH
    if folder.is_file() or (graph.is_file() and not graph.with_suffix(".json").is_file()):
        raise CheckpointError(
            "a speech head is added to a package",
            given=folder,
            accepted="a folder that training wrote; its graph has to share its weights",
            do="remove the graph, and write it again with ser-export --share-weights",
        )
    complete = with_head(with_weights(graph), head, card) if graph.is_file() else None
    tensors = load_file(folder / WEIGHTS)
    with whole_file(folder / WEIGHTS) as temporary:
        together = {**tensors, **head.tensors()}
        save_file({k: together[k] for k in sorted(together)}, temporary, {"format": FORMAT})
    if complete is not None:
        weights = read_weights(folder)
        full = {name: value.astype(np.float32) for name, value in weights.tensors.items()}
        content, sources = without_weights(complete, full)
        with whole_file(graph) as temporary:
            temporary.write_bytes(content)
        write_sources(graph.with_suffix(".json"), sources, weights)
    about: dict[str, Any] = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    write_json(folder / ABOUT, {**about, "speech_head": as_json(info)})
