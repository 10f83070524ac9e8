"""The only room that knows Lightning: pretraining, classification, checkpoints and run records."""
