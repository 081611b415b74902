"""People remembered beyond a run: stores, and the matcher that asks them."""
