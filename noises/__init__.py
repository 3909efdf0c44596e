"""What is done to images or to inference: adversarial, natural and system noise."""
