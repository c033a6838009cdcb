"""`fasterpose batch`: the server's pipeline on a million files, in processes that may be killed at any time.

    inputs -> crew of workers (or Ray Data) -> one line an image -> results file

`job` wires them. Only the job's own process writes the results, so that a file never has two lines for an image.
"""
