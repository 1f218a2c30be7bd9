"""The function's times and calls: alone, and with many concurrent invocations under the quotas of AWS."""
