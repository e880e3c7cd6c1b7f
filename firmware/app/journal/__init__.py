"""The journal: its rows in a file, what waits on the way there, the chain that shows a change, and `portero log`."""
