"""How networks learn: the loop, the recipes and the techniques."""
