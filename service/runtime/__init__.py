"""Runtimes: what computes a network's graph, behind one small protocol."""
