# Every rule for the inputs of modules/stream: values on its edge pass, a value beyond it is refused, and nothing else is.

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
  stream_name     = "orders"
  max_shard_count = 64
}

run "accepts_the_least" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_name                 = "o"
    max_shard_count             = 1
    min_shard_count             = 1
    target_utilization          = 0.02
    scale_up                    = { threshold = 0.03, period_seconds = 60, evaluation_periods = 1, datapoints_to_alarm = 1, cooldown_minutes = 0 }
    scale_down                  = { threshold = 0.01, period_seconds = 60, evaluation_periods = 1, datapoints_to_alarm = 1, cooldown_minutes = 0 }
    max_iterator_age_minutes    = 1
    calls_reserved_for_scale_up = 0
    consumer_functions          = { c = 1 }
    tags                        = {}
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_the_most" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_name                 = join("", [for number in range(128) : "s"])
    max_shard_count             = 10000
    min_shard_count             = 10000
    target_utilization          = 0.99
    scale_up                    = { threshold = 1, period_seconds = 3540, evaluation_periods = 24, datapoints_to_alarm = 24, cooldown_minutes = 1440 }
    scale_down                  = { threshold = 0.98, period_seconds = 86400, evaluation_periods = 7, datapoints_to_alarm = 7, cooldown_minutes = 1440 }
    max_iterator_age_minutes    = 525600
    calls_reserved_for_scale_up = 9
    consumer_functions          = { (join("", [for number in range(64) : "c"])) = 10 }
    tags                        = { for number in range(39) : "tag-${number}" => "value" }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_no_limit_to_the_iterator_age" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_iterator_age_minutes = null
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_every_character_of_a_stream_name" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_name = "Orders_2.eu-west"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_doubling_with_room_between_the_thresholds" {
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
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_doubling_by_default_settings" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "double"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_any_target_where_it_is_not_used" {
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
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_a_window_of_a_day_in_minutes" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 60, evaluation_periods = 1440 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "accepts_a_window_of_a_week_in_hours" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 3600, evaluation_periods = 168 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1
    error_message = "Valid settings have to make a pair of alarms."
  }
}

run "refuses_a_stream_arn_for_its_name" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_name = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
  }

  expect_failures = [var.stream_name]
}

run "refuses_a_stream_name_that_is_too_long" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_name = join("", [for number in range(129) : "s"])
  }

  expect_failures = [var.stream_name]
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

run "refuses_a_maximum_of_no_shards" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_shard_count = 0
  }

  expect_failures = [var.max_shard_count]
}

run "refuses_a_maximum_of_more_shards_than_kinesis_scales_to" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_shard_count = 10001
  }

  expect_failures = [var.max_shard_count]
}

run "refuses_a_maximum_of_part_of_a_shard" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_shard_count = 2.5
  }

  expect_failures = [var.max_shard_count]
}

run "refuses_a_minimum_of_no_shards" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    min_shard_count = 0
  }

  expect_failures = [var.min_shard_count]
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

run "refuses_an_unknown_strategy" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "triple"
  }

  expect_failures = [var.scaling_strategy]
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
    target_utilization = 0.75
  }

  expect_failures = [var.target_utilization]
}

run "refuses_a_target_that_sets_off_the_scale_down_alarm" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    target_utilization = 0.35
  }

  expect_failures = [var.target_utilization]
}

run "refuses_a_scale_up_threshold_in_percent" {
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

run "refuses_a_scale_up_threshold_of_nothing" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "double"
    scale_up         = { threshold = 0 }
    scale_down       = { threshold = 0.01 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_period_of_less_than_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 30 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_period_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 90 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_period_of_more_than_a_day" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 86460, evaluation_periods = 1, datapoints_to_alarm = 1 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_no_scale_up_evaluation_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { evaluation_periods = 0, datapoints_to_alarm = 1 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_part_of_a_scale_up_evaluation_period" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { evaluation_periods = 30.5 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_window_of_more_than_a_day_in_minutes" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 60, evaluation_periods = 1441 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_window_of_more_than_a_week_in_hours" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { period_seconds = 3600, evaluation_periods = 169 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_no_scale_up_datapoints" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { datapoints_to_alarm = 0 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_part_of_a_scale_up_datapoint" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { datapoints_to_alarm = 1.5 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_more_scale_up_datapoints_than_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { evaluation_periods = 3, datapoints_to_alarm = 4 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_negative_scale_up_cooldown" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { cooldown_minutes = -1 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_cooldown_of_more_than_a_day" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { cooldown_minutes = 1441 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_up_cooldown_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up = { cooldown_minutes = 0.5 }
  }

  expect_failures = [var.scale_up]
}

run "refuses_a_scale_down_threshold_in_percent" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scaling_strategy = "double"
    scale_up         = { threshold = 1 }
    scale_down       = { threshold = 35 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_threshold_of_nothing" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { threshold = 0 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_period_of_less_than_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 30 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_period_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 90 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_period_of_more_than_a_day" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 86460, evaluation_periods = 1, datapoints_to_alarm = 1 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_no_scale_down_evaluation_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { evaluation_periods = 0, datapoints_to_alarm = 1 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_part_of_a_scale_down_evaluation_period" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { evaluation_periods = 30.5 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_window_of_more_than_a_day_in_minutes" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 60, evaluation_periods = 1441 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_window_of_more_than_a_week_in_hours" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { period_seconds = 3600, evaluation_periods = 169 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_no_scale_down_datapoints" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { datapoints_to_alarm = 0 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_part_of_a_scale_down_datapoint" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { datapoints_to_alarm = 1.5 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_more_scale_down_datapoints_than_periods" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { evaluation_periods = 3, datapoints_to_alarm = 4 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_negative_scale_down_cooldown" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { cooldown_minutes = -1 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_cooldown_of_more_than_a_day" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { cooldown_minutes = 1441 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_cooldown_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_down = { cooldown_minutes = 0.5 }
  }

  expect_failures = [var.scale_down]
}

run "refuses_a_scale_down_threshold_above_the_scale_up_threshold" {
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

run "refuses_no_iterator_age" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_iterator_age_minutes = 0
  }

  expect_failures = [var.max_iterator_age_minutes]
}

run "refuses_an_iterator_age_of_part_of_a_minute" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    max_iterator_age_minutes = 1.5
  }

  expect_failures = [var.max_iterator_age_minutes]
}

run "refuses_a_negative_reserve_of_calls" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    calls_reserved_for_scale_up = -1
  }

  expect_failures = [var.calls_reserved_for_scale_up]
}

run "refuses_a_reserve_of_every_call" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    calls_reserved_for_scale_up = 10
  }

  expect_failures = [var.calls_reserved_for_scale_up]
}

run "refuses_a_reserve_of_part_of_a_call" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    calls_reserved_for_scale_up = 2.5
  }

  expect_failures = [var.calls_reserved_for_scale_up]
}

run "refuses_a_consumer_arn_for_its_name" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { "arn:aws:lambda:eu-west-1:123456789012:function:orders" = 1 }
  }

  expect_failures = [var.consumer_functions]
}

run "refuses_a_consumer_without_concurrency" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { orders-consumer = 0 }
  }

  expect_failures = [var.consumer_functions]
}

run "refuses_a_consumer_with_more_concurrency_than_lambda_gives_a_shard" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { orders-consumer = 11 }
  }

  expect_failures = [var.consumer_functions]
}

run "refuses_a_consumer_with_part_of_an_execution" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { orders-consumer = 1.5 }
  }

  expect_failures = [var.consumer_functions]
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
    tags = { for number in range(41) : "tag-${number}" => "value" }
  }

  expect_failures = [var.tags]
}
