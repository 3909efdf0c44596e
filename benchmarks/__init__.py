"""Speed and agreement against peers, side by side in one run, as tables and JSON."""
