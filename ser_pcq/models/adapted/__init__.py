"""Models adapted to a voice: another last layer over the embeddings of a base."""
