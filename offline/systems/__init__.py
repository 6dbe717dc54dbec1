"""The systems of the papers: networks with their stages of training, one file or room each."""
