"""Many invocations of the function at once, under the quotas of AWS."""
