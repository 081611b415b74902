"""The commands of `reid-track`, one file or folder each."""
