"""Decides who is who across cameras. Open `matcher` first.

`matcher` runs the decisions and `ledger` records them. A waiting tracklet is compared with the
people already known in `frames` (one camera frame) or `batches` (whole tracklets, with
`identity_index`); `assignment` then gives each tracklet one person. Every few seconds `revise`
clusters the recent past again (`cluster`), without what each camera adds to embeddings
(`alignment`). All of them use the costs in `evidence` and the hard constraints in `relations`.
"""
