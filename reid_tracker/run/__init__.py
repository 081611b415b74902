"""What a run writes and remembers, for `reid-track`, camera hosts and programs of your own."""
