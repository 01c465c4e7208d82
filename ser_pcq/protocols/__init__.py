"""Which utterances train, validate and test, and the guard that checks it."""
