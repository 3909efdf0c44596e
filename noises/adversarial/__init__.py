"""Adversarial noise: attacks that see the network."""
