"""Predictions to scores, comparisons and reports."""
