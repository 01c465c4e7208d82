"""Recordings to predictions, one at a time, in jobs, or from a stream."""
