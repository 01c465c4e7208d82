"""Self-supervised encoders: pretrained, slim, and the features they read."""
