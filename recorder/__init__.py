"""The recorder: writes the ticks of sessions that ask for it to Parquet files."""
