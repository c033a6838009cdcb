"""`fasterpose predict`: the server's pipeline on files, without a server.

    inputs -> boxes (where a file of them is given) -> pipeline, several images at once -> outputs, in the order given

`command` wires them.
"""
