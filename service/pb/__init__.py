"""Generated from `protos/fasterpose/v1/pose.proto` by `make protos`."""
