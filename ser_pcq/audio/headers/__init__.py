"""Headers that do not say how much audio there is, or belong to foreign formats."""
