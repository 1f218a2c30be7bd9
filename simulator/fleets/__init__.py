"""The function's time and calls: on its own, and with many concurrent invocations under the quotas of AWS."""
