"""From files to answers: calibrated probabilities, label sets, warnings, and how odd a recording is."""
