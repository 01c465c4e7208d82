"""What the recognizers compute, written so that it becomes an ONNX graph: no branch, no list."""
