"""From a trained model to a champion: the gate, its findings, and the card that every version carries."""
