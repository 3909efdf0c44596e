"""Natural noise: corruptions made once, in batches, shared by every network."""
