"""`ser-data`: its commands, a module each."""
