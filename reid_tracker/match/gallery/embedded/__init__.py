"""Stores the gallery in one SQLite file, searched exactly in memory. Open `store` first.

`file` opens the file, `load` reads its vectors, and `memory` holds them in chunks (`chunk`).
"""
