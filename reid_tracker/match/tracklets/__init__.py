"""What a matcher remembers of tracklets: a table, prototypes, and a log of a whole run."""
