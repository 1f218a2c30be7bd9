# The rules for the attributes of scale_up and scale_down. Both have the same rules, so a limit is sometimes tested for only one of
# them. Accepted values are in stream_inputs_are_checked.tftest.hcl.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_kinesis_stream.this
  values = {
    arn                 = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
    open_shards         = ["shardId-000000000007", "shardId-000000000008", "shardId-000000000009"]
    closed_shards       = ["shardId-000000000005", "shardId-000000000006"]
    stream_mode_details = [{ stream_mode = "PROVISIONED" }]
  }
}

variables {
  autoscaler = {
    topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
    alarm_name_prefix = "kinesis-autoscaler"
    audit_table_name  = "kinesis-autoscaler-audit"
  }
  stream_arn      = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
  max_shard_count = 64
}

run "scale_up_refuses_a_threshold_in_percent" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "double"
    scale_up         = { threshold = 75 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_a_period_of_less_than_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 30 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_a_period_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 90 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_no_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { evaluation_periods = 0 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_more_than_a_day_in_minutes" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 60, evaluation_periods = 1441 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_no_datapoints" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { datapoints_to_alarm = 0 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_more_datapoints_than_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { evaluation_periods = 3, datapoints_to_alarm = 4 }
  }

  expect_failures = [var.scale_up]
}

run "scale_up_refuses_a_negative_cooldown" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { cooldown_minutes = -1 }
  }

  expect_failures = [var.scale_up]
}

run "scale_down_refuses_a_threshold_of_nothing" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { threshold = 0 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_a_threshold_in_percent" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { threshold = 35 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_a_period_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 90 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_a_period_of_more_than_a_day" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 86460, evaluation_periods = 1, datapoints_to_alarm = 1 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_part_of_a_period" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { evaluation_periods = 30.5 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_more_than_a_week_in_hours" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 3600, evaluation_periods = 169 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_part_of_a_datapoint" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { datapoints_to_alarm = 1.5 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_more_datapoints_than_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { evaluation_periods = 3, datapoints_to_alarm = 4 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_a_cooldown_of_more_than_a_day" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { cooldown_minutes = 1441 }
  }

  expect_failures = [var.scale_down]
}

run "scale_down_refuses_a_cooldown_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { cooldown_minutes = 0.5 }
  }

  expect_failures = [var.scale_down]
}
