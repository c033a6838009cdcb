"""Videos: frames with their times in, drawn videos and JSON lines out. Needs the extra `video`."""
