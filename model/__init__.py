"""Training module of fasterpose: makes the bundles that `service` serves."""
