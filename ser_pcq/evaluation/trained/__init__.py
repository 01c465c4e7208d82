"""Trained models of every kind, as scoring on other data sees them."""
