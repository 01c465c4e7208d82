"""ser_pcq: speech emotion recognition with progressive channel querying (PCQ).

Importing the package has no side effects and loads nothing heavy; each module imports what it
needs. Start with the commands `ser-data`, `ser-train`, `ser-eval` and `ser-predict`, or in Python
with `ser_pcq.predict.load_predictor`.
"""

__version__ = "0.1.0"
