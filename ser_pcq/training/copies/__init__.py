"""Copies of training utterances: in other voices, through other channels, at other speeds."""
