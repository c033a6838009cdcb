"""The Open Inference Protocol, version 2, over HTTP: photographs or pixels as tensors in, people as tensors out.

    body -> tensors -> the same call as of `POST /v1/pose` -> people -> tensors -> body

Servers such as Triton and KServe speak it, and their clients work here.
"""
