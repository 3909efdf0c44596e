"""The human-designed networks, trained and evaluated by the same recipes."""
