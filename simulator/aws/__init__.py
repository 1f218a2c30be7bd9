"""Models of AWS on a virtual clock, without moto: Kinesis, CloudWatch with its metric math, dashboards, prices."""
