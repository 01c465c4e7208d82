"""Linear recognizers and the statistics they classify."""
