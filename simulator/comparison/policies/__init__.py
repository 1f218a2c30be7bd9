"""Scaling policies for the closed loop: this module's own, and those it is compared with."""
