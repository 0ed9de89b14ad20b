"""Small analyses that follow a session: `python -m examples.vwap --session demo`."""
