"""Advice: the settings that fit a stream's traffic, what they cost, and what else there is."""
