"""`portero doctor`: says in plain words what works and what does not, each with a remedy."""
