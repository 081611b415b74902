"""Stores what a matcher remembers of tracklets. Open `table` first.

`table` holds one row per tracklet, with its `prototypes`. `quality` decides which embeddings count.
`batch` carries whole tracklets from other machines. `log` records a whole run for its reports.
"""
