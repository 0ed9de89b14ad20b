"""The workers: fetch the bars of a symbol that is added, filter them, and write them staged."""
