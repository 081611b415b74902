"""Teachers: their embeddings of labelled and unlabelled crops."""
