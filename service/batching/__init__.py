"""Dynamic batching: the items of all requests in flight share the batches of a model."""
