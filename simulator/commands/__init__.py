"""The commands of `python -m simulator`, one module each: flags and output. The other packages do the work."""
