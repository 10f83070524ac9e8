"""Protocols above training: arms and floors, the label-fraction experiment, one model's evaluation, the report."""
