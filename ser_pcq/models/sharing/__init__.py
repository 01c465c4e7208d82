"""What is stored once: weights of graphs and torch models, and files of several embedded models."""
