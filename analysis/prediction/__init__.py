"""What networks that nobody has evaluated would be measured to do, and how surely."""
