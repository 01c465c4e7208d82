"""Whether a recording is speech, by what a model has heard of it anyway."""
