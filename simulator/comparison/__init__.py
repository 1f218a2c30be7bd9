"""Compares the cost and throttling of policies: policies, traffic, a fast closed loop, the bound."""
