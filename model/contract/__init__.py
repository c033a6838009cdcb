"""What training, evaluation and serving must do alike: geometry, codec, scoring, skeleton, spec.

Only numpy and OpenCV are imported here, so that the server's environment stays small.
"""
