"""The recordings that sound most alike to one: python examples/similar.py vectors.npz fear.wav.

Write the vectors first: ser-predict recordings --embeddings vectors.npz
"""

import sys
from pathlib import Path

import numpy as np

file, wanted = sys.argv[1:]
with np.load(file) as archive:
    heard = np.isfinite(archive["vectors"]).all(axis=1)
    vectors = archive["vectors"][heard].astype(np.float64)
    paths, labels = archive["path"][heard], archive["label"][heard]
chosen = [k for k, path in enumerate(paths) if Path(path).name == Path(wanted).name]
if not chosen:
    sys.exit(f"{wanted} is not in {file}, or could not be judged")
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
similarity = vectors @ vectors[chosen[0]]  # the cosine: 1 for the same direction
for k in np.argsort(-similarity)[:10]:
    print(f"{similarity[k]:6.3f}  {labels[k]:<12} {paths[k]}")
