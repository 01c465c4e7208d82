"""A map of recordings: python examples/emotion_map.py vectors.npz map.png.

Recordings that sound alike to the model lie near one another.

Write the vectors first: ser-predict recordings --embeddings vectors.npz
The map needs matplotlib: pip install 'ser-pcq[plot]'
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

file, picture = sys.argv[1:]
with np.load(file) as archive:
    heard = np.isfinite(archive["vectors"]).all(axis=1)
    vectors = archive["vectors"][heard].astype(np.float64)
    paths, labels = archive["path"][heard], archive["label"][heard]
if len(vectors) < 3:
    sys.exit(f"a map needs 3 recordings, and {file} has {len(vectors)}")
# The two directions in which the recordings differ most (principal components).
centred = vectors - vectors.mean(axis=0)
left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
places, share = left[:, :2] * sizes[:2], sizes**2 / (sizes**2).sum()

figure, axes = plt.subplots(figsize=(8, 6), layout="constrained")
for label in sorted(set(labels)):
    there = labels == label
    axes.scatter(*places[there].T, label=label or "(none)", alpha=0.8)
if len(paths) <= 30:
    for path, place in zip(paths, places, strict=True):
        axes.annotate(Path(path).name, place, xytext=(5, 5), textcoords="offset points", size=8)
axes.margins(0.15)
axes.set_xlabel(f"first component ({share[0]:.0%} of the variance)")
axes.set_ylabel(f"second component ({share[1]:.0%})")
axes.legend(title="found")
figure.savefig(picture, dpi=150)
print(picture)
