"""The commands of `reid-track`, each in a file or folder."""
