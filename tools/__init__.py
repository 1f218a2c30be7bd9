"""Programs for people who run the autoscaler; nothing here is part of the module."""
