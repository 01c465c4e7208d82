"""An experiment from data to checkpoints and predictions."""
