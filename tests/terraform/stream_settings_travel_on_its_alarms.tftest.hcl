# The function reads a stream's settings from the tags of its alarms.

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

run "by_default" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition = aws_cloudwatch_metric_alarm.scale_up[0].tags == tomap({
      "kinesis-autoscaler:min-shard-count"             = "1"
      "kinesis-autoscaler:max-shard-count"             = "64"
      "kinesis-autoscaler:scaling-strategy"            = "target"
      "kinesis-autoscaler:target-utilization"          = "0.8"
      "kinesis-autoscaler:scale-up-cooldown-minutes"   = "5"
      "kinesis-autoscaler:scale-down-cooldown-minutes" = "30"
      "kinesis-autoscaler:max-iterator-age-minutes"    = "30"
      "kinesis-autoscaler:update-calls-per-day"        = "10"
      "kinesis-autoscaler:calls-reserved-for-scale-up" = "3"
      "kinesis-autoscaler:foresight"                   = "on"
      "kinesis-autoscaler:throttling-cost"             = "200"
      "kinesis-autoscaler:split-beyond-quota"          = "false"
      "kinesis-autoscaler:split-hot-shards"            = "false"
      "kinesis-autoscaler:scale-on-throttling"         = "false"
      "kinesis-autoscaler:scale-on-reads"              = "false"
    })
    error_message = "The scale-up alarm must carry every setting, and nothing else."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_down[0].tags == aws_cloudwatch_metric_alarm.scale_up[0].tags
    error_message = "Both alarms must carry the same settings: either may call the function."
  }
}

run "as_given" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    min_shard_count             = 2
    scaling_strategy            = "double"
    target_utilization          = 0.55
    scale_up                    = { cooldown_minutes = 0 }
    scale_down                  = { cooldown_minutes = 240 }
    max_iterator_age_minutes    = null
    update_calls_per_day        = 40
    calls_reserved_for_scale_up = 12
    foresight                   = "forecast_only"
    throttling_cost             = 35.5
    split_beyond_quota          = true
    split_hot_shards            = true
    scale_on_throttling         = true
    scale_on_reads              = true
    consumer_functions          = { orders-consumer = 2, orders_archive = 10 }
    tags                        = { Team = "orders" }
  }

  assert {
    condition = aws_cloudwatch_metric_alarm.scale_up[0].tags == tomap({
      "kinesis-autoscaler:min-shard-count"             = "2"
      "kinesis-autoscaler:max-shard-count"             = "64"
      "kinesis-autoscaler:scaling-strategy"            = "double"
      "kinesis-autoscaler:target-utilization"          = "0.55"
      "kinesis-autoscaler:scale-up-cooldown-minutes"   = "0"
      "kinesis-autoscaler:scale-down-cooldown-minutes" = "240"
      "kinesis-autoscaler:max-iterator-age-minutes"    = "disabled"
      "kinesis-autoscaler:update-calls-per-day"        = "40"
      "kinesis-autoscaler:calls-reserved-for-scale-up" = "12"
      "kinesis-autoscaler:foresight"                   = "forecast_only"
      "kinesis-autoscaler:throttling-cost"             = "35.5"
      "kinesis-autoscaler:split-beyond-quota"          = "true"
      "kinesis-autoscaler:split-hot-shards"            = "true"
      "kinesis-autoscaler:scale-on-throttling"         = "true"
      "kinesis-autoscaler:scale-on-reads"              = "true"
      "kinesis-autoscaler:consumer/orders-consumer"    = "2"
      "kinesis-autoscaler:consumer/orders_archive"     = "10"
      "Team"                                           = "orders"
    })
    error_message = "The alarms must carry every setting as it was given, the consumers, and the caller's own tags."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_down[0].tags == aws_cloudwatch_metric_alarm.scale_up[0].tags
    error_message = "Both alarms must carry the same settings: either may call the function."
  }
}
