"""Results as text and tables: MOTChallenge, JSON lines, CSV, Parquet."""
