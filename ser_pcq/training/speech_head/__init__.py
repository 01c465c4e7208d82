"""Fits the head that tells speech from other sounds, to any model that gives embeddings."""
