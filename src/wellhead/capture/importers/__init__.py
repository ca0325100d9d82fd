"""Other people's logs as batches and visits: one file a format, all read by DuckDB in bounded blocks."""
