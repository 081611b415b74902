"""Remembers people beyond a run. Open `store` first: it defines what every gallery can do.

`records` are what a gallery keeps. `open` finds the store for an address; the stores themselves are
in `embedded` and `postgres`, on top of `sql_store`. During a run, `matcher` gives people the
numbers that the gallery knows them by: `known` compares them, `asker` asks without blocking,
`writer` writes in the background, and `run` puts it all together. `transfer` exports and imports.
"""
