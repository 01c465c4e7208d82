"""The PCQ network, a module for each block, and the heads to choose from."""

from ser_pcq.models.pcq.heads import Head, LightHead, PaperHead

HEADS: dict[str, type[Head]] = {
    "light": LightHead,
    "paper": PaperHead,
}
"""`model.head` to the classifier that ends the network."""
