"""The door as a device of its own: what may leave it, and what must not."""
