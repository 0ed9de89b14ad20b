"""The producer: reads history and publishes it to the main feed, a bounded distance ahead of the clock."""
