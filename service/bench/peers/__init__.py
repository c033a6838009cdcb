"""Other servers around the same networks, each a program that its own interpreter runs.

They are what users of these frameworks would write after reading their documentation. Nothing else of the service
imports them, and they are not installed with it: `make benchmark-peers` makes their environment.
"""
