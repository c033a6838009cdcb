"""What the commands that answer files end with."""

ALL_ANSWERED, SOME_FAILED, USAGE_ERROR, NOT_FINISHED = 0, 1, 2, 3
"""Beside them 128 + the signal's number after SIGINT or SIGTERM."""
