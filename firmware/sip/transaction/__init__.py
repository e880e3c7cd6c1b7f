"""Transactions (RFC 3261 §17): four machines that know neither time nor network, and the layer that runs them.

`actions` is what machines ask for, `matching` how a message finds its transaction, `layer` the tables, their limits and the timers.
"""
