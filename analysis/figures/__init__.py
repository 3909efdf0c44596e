"""Every figure of the paper and of the analysis, and how they are drawn."""
