"""Advice: the settings that fit a stream's traffic, their cost, and the alternatives."""
