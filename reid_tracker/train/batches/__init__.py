"""What a step sees: crops drawn, varied and joined with what the teachers said about them."""
