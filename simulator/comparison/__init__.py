"""What a policy costs and throttles, beside others: policies, traffic, a fast closed loop, the bound."""
