"""Perturbation sequences: frames of an image under a slowly changing perturbation."""
