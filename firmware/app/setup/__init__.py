"""`portero setup`: the first configuration of a door, from a few questions."""
