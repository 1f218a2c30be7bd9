"""The commands of `python -m simulator`, a module each: flags and printing. The work is done in the other packages."""
