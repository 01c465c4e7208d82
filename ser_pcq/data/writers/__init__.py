"""Data directories written as tables and audformat databases."""
