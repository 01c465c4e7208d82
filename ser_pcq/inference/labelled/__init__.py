"""A model adapted to labelled recordings, with its own emotions or new ones."""
