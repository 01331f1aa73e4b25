"""Space folding: how far a straight walk in input space walks back among codes; by pair, by path, by class, at its largest."""
