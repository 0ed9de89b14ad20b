"""The coordinator: holds the clock, merges the feeds, changes session data, answers commands."""
