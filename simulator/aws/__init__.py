"""What AWS does, on a virtual clock and without moto: Kinesis, CloudWatch with its metric math, dashboards, prices."""
