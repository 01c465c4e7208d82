"""The commands: they parse, call and report, and compute nothing."""
