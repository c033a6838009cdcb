"""Benchmarks: what the networks, the server and its peers do in a second, measured on loopback."""
