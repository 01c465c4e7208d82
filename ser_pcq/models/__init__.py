"""Trained models: networks, encoders, linear recognizers, their checkpoints and ONNX graphs."""
