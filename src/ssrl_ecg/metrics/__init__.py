"""Pure functions of (targets, scores): what was measured, how sure that is, and whether two models differ."""
