"""Adapting a model to a voice while predicting, from recordings without labels."""
