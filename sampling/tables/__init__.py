"""Tables out of results files and into them: CSV, Parquet, and formats that others published."""
