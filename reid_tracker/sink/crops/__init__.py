"""Pictures of people, cut out of the frames."""
