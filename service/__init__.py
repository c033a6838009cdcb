"""The FasterPose server: a photograph in, people with COCO keypoints out."""
