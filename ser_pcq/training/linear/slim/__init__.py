"""Encoders cut out of larger ones and fitted to the sound of the training utterances."""
