"""Weight-sharing networks: training, slicing, spawning, recalibrating and folding."""
