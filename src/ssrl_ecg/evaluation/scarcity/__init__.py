"""Label scarcity: what a pretrained encoder is worth as labels grow few, against everything it has to beat."""
