"""Data sources: where recorded bars come from.

A source is named by a URI, `scheme:path?option=value&…`:

    sample:                          invented bars for any symbol and date, the same in every process
    csv:/data/bars?tz=UTC            one text file a symbol
    parquet:/data/bars               a dataset of many symbols and days

`shared.sources.registry.open_source` opens one; `shared.sources.source.DataSource` says what each can do.
A package adds its own scheme through the entry-point group `playhead.sources`. Importing this package
imports none of the libraries that the sources read with.
"""
