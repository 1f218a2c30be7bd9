# The rules for the inputs of modules/stream, except those of its windows (stream_windows_are_checked.tftest.hcl): values at the
# limits pass, and only values beyond them are refused. If one run refuses several inputs, their rules do not depend on each other.

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

run "accepts_the_least" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn                  = "arn:aws:kinesis:eu-west-1:123456789012:stream/o"
    max_shard_count             = 1
    min_shard_count             = 1
    target_utilization          = 0.02
    scale_up                    = { threshold = 0.03, period_seconds = 60, evaluation_periods = 1, datapoints_to_alarm = 1, cooldown_minutes = 0 }
    scale_down                  = { threshold = 0.01, period_seconds = 60, evaluation_periods = 1, datapoints_to_alarm = 1, cooldown_minutes = 0 }
    max_iterator_age_minutes    = 1
    update_calls_per_day        = 1
    calls_reserved_for_scale_up = 0
    throttling_cost             = 1
    foresight                   = "off"
    consumer_functions          = { c = 1 }
    tags                        = {}
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings must create two alarms."
  }
}

run "accepts_the_most" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn                  = "arn:aws:kinesis:eu-west-1:123456789012:stream/${join("", [for number in range(128) : "s"])}"
    max_shard_count             = 10000
    min_shard_count             = 10000
    target_utilization          = 0.99
    scale_up                    = { threshold = 1, period_seconds = 3540, evaluation_periods = 24, datapoints_to_alarm = 24, cooldown_minutes = 1440 }
    scale_down                  = { threshold = 0.98, period_seconds = 86400, evaluation_periods = 7, datapoints_to_alarm = 7, cooldown_minutes = 1440 }
    max_iterator_age_minutes    = 525600
    update_calls_per_day        = 1000
    calls_reserved_for_scale_up = 999
    throttling_cost             = 100000
    foresight                   = "on"
    consumer_functions          = { (join("", [for number in range(64) : "c"])) = 10 }
    tags                        = { for number in range(34) : "tag-${number}" => "value" }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings must create two alarms."
  }
}

run "accepts_the_longest_windows_and_any_iterator_age" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn               = "arn:aws:kinesis:eu-west-1:123456789012:stream/Orders_2.eu-west"
    max_iterator_age_minutes = null
    scale_up                 = { period_seconds = 60, evaluation_periods = 1440 }
    scale_down               = { period_seconds = 3600, evaluation_periods = 168 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings must create two alarms."
  }
}

run "accepts_doubling_by_default_settings_and_with_any_target" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy   = "double"
    target_utilization = 0.9
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings must create two alarms."
  }
}

run "accepts_doubling_with_just_enough_room_between_the_thresholds" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "double"
    scale_up         = { threshold = 0.8 }
    scale_down       = { threshold = 0.4 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings must create two alarms."
  }
}

run "refuses_less_than_the_least" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_shard_count             = 0
    scale_up                    = { threshold = 0 }
    max_iterator_age_minutes    = 0
    calls_reserved_for_scale_up = -1
    throttling_cost             = 0.9
    foresight                   = "yes"
    consumer_functions          = { orders-consumer = 0 }
  }

  expect_failures = [var.max_shard_count, var.scale_up, var.max_iterator_age_minutes, var.calls_reserved_for_scale_up, var.throttling_cost, var.foresight, var.consumer_functions]
}

run "refuses_more_than_the_most" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_shard_count      = 10001
    update_calls_per_day = 1001
    throttling_cost      = 100001
    consumer_functions   = { orders-consumer = 11 }
    scale_up             = { cooldown_minutes = 1441 }
  }

  expect_failures = [var.max_shard_count, var.update_calls_per_day, var.throttling_cost, var.consumer_functions, var.scale_up]
}

run "refuses_parts_of_what_is_counted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_shard_count             = 2.5
    max_iterator_age_minutes    = 1.5
    calls_reserved_for_scale_up = 2.5
    consumer_functions          = { orders-consumer = 1.5 }
    scale_up                    = { cooldown_minutes = 0.5 }
  }

  expect_failures = [var.max_shard_count, var.max_iterator_age_minutes, var.calls_reserved_for_scale_up, var.consumer_functions, var.scale_up]
}

run "refuses_a_reserve_of_all_calls" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    update_calls_per_day        = 4
    calls_reserved_for_scale_up = 4
  }

  expect_failures = [var.calls_reserved_for_scale_up]
}

run "refuses_parts_of_a_call" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    update_calls_per_day = 10.5
  }

  expect_failures = [var.update_calls_per_day]
}

run "refuses_arns_for_names" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { "arn:aws:lambda:eu-west-1:123456789012:function:orders" = 1 }
  }

  expect_failures = [var.consumer_functions]
}

run "refuses_names_for_arns" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn = "orders"
  }

  expect_failures = [var.stream_arn]
}

run "refuses_a_name_longer_than_a_stream_has" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/${join("", [for number in range(129) : "s"])}"
  }

  expect_failures = [var.stream_arn]
}

run "refuses_alarm_names_that_are_too_long" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = join("", [for number in range(240) : "a"])
      audit_table_name  = "kinesis-autoscaler-audit"
    }
  }

  expect_failures = [var.autoscaler]
}

run "refuses_tags_that_pass_for_settings" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    tags = { "kinesis-autoscaler:max-shard-count" = "1000" }
  }

  expect_failures = [var.tags]
}

run "refuses_more_tags_than_an_alarm_takes" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    tags = { for number in range(40) : "tag-${number}" => "value" }
  }

  expect_failures = [var.tags]
}

run "refuses_other_strategies_and_a_minimum_of_nothing" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "triple"
    min_shard_count  = 0
  }

  expect_failures = [var.scaling_strategy, var.min_shard_count]
}

run "refuses_a_minimum_of_part_of_a_shard" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    min_shard_count = 1.5
  }

  expect_failures = [var.min_shard_count]
}

run "refuses_a_minimum_above_the_maximum" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    min_shard_count = 65
  }

  expect_failures = [var.min_shard_count]
}

run "refuses_a_target_in_percent" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy   = "double"
    target_utilization = 60
  }

  expect_failures = [var.target_utilization]
}

run "refuses_a_target_of_nothing" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy   = "double"
    target_utilization = 0
  }

  expect_failures = [var.target_utilization]
}

run "refuses_a_target_that_sets_off_the_scale_up_alarm" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    target_utilization = 0.9
  }

  expect_failures = [var.target_utilization]
}

run "refuses_a_target_that_sets_off_the_scale_down_alarm" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    target_utilization = 0.4
  }

  expect_failures = [var.target_utilization]
}

run "refuses_thresholds_the_wrong_way_round" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    target_utilization = 0.7
    scale_up           = { threshold = 0.75 }
    scale_down         = { threshold = 0.8 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_thresholds_between_which_doubling_swings" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "double"
    scale_up         = { threshold = 0.7 }
    scale_down       = { threshold = 0.36 }
  }

  expect_failures = [var.scale_down]
}
