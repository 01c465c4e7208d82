"""The version of the package, where nothing else has to be imported to read it."""

__version__ = "0.7.0"
