"""Many clients, for long, in every kind of trouble: what has to hold, and that it can fail."""
