"""How weights leave the house: exported graphs, and folders of the Hugging Face Hub."""
