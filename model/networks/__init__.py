"""Pose networks: one file an architecture."""
