"""Tools for operators of the autoscaler. They are not part of the module."""
