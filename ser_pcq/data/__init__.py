"""Corpora and own recordings as Kaldi-style data directories."""
