"""Who is who: costs, assignment, and looking back."""
