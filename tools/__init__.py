"""Tools for operators of the autoscaler, and what all command lines share. They are not part of the module."""
