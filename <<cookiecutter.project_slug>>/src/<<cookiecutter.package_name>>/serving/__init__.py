"""The model behind HTTP: one process, no training code, no pandas."""
