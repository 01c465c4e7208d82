"""Emotion over time: windows, stretches of speech, segments, and their picture."""
