"""What the function takes: by itself, and many invocations at once under the quotas of AWS."""
