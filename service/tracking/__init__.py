"""People followed through the frames of a stream: stable ids, boxes carried by poses, smoothed keypoints."""
