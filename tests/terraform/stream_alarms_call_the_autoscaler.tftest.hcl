# The names of the two alarms, their actions and their thresholds.

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

run "each_alarm_has_one_name_and_one_action" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_up[0].alarm_name == "kinesis-autoscaler/orders/scale-up" && aws_cloudwatch_metric_alarm.scale_down[0].alarm_name == "kinesis-autoscaler/orders/scale-down"
    error_message = "The alarms are found by their names: <prefix>-<stream>-scale-up and -scale-down."
  }

  assert {
    condition     = output.scale_up_alarm_name == aws_cloudwatch_metric_alarm.scale_up[0].alarm_name && output.scale_down_alarm_name == aws_cloudwatch_metric_alarm.scale_down[0].alarm_name
    error_message = "The outputs must name the alarms."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_up[0].alarm_actions == toset([var.autoscaler.topic_arn]) && aws_cloudwatch_metric_alarm.scale_down[0].alarm_actions == toset([var.autoscaler.topic_arn])
    error_message = "Both alarms must notify the autoscaler's topic."
  }

  assert {
    condition = alltrue([
      for alarm in [aws_cloudwatch_metric_alarm.scale_up[0], aws_cloudwatch_metric_alarm.scale_down[0]] :
      length(coalesce(alarm.ok_actions, [])) == 0 && length(coalesce(alarm.insufficient_data_actions, [])) == 0 && alarm.actions_enabled
    ])
    error_message = "Only the state ALARM must notify."
  }

  assert {
    condition     = output.shard_count == 3
    error_message = "Only open shards count."
  }
}

run "windows_are_as_given" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    target_utilization = 0.7

    scale_up   = { threshold = 0.8, period_seconds = 120, evaluation_periods = 10, datapoints_to_alarm = 4 }
    scale_down = { threshold = 0.25, period_seconds = 3600, evaluation_periods = 168, datapoints_to_alarm = 160 }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_up[0].threshold == 0.8 && aws_cloudwatch_metric_alarm.scale_up[0].evaluation_periods == 10 && aws_cloudwatch_metric_alarm.scale_up[0].datapoints_to_alarm == 4
    error_message = "The scale-up alarm must take its numbers from scale_up."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_down[0].threshold == 0.25 && aws_cloudwatch_metric_alarm.scale_down[0].evaluation_periods == 168 && aws_cloudwatch_metric_alarm.scale_down[0].datapoints_to_alarm == 160
    error_message = "The scale-down alarm must take its numbers from scale_down."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_up[0].alarm_description == "Scales the Kinesis stream orders up when it uses at least 80% of its capacity in 4 of 10 periods of 120 seconds. The autoscaler updates the number in shardCount."
    error_message = "The description of the scale-up alarm must say when it fires."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_down[0].alarm_description == "Scales the Kinesis stream orders down when it uses less than 25% of its capacity in 160 of 168 periods of 3600 seconds. The autoscaler updates the number in shardCount."
    error_message = "The description of the scale-down alarm must say when it fires."
  }
}

run "what_is_left_out_takes_its_default" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_up   = { threshold = 0.95 }
    scale_down = null
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_up[0].threshold == 0.95 && aws_cloudwatch_metric_alarm.scale_up[0].evaluation_periods == 1 && aws_cloudwatch_metric_alarm.scale_up[0].datapoints_to_alarm == 1
    error_message = "Omitted attributes of scale_up must have their defaults."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_down[0].threshold == 0.4 && aws_cloudwatch_metric_alarm.scale_down[0].evaluation_periods == 12 && aws_cloudwatch_metric_alarm.scale_down[0].datapoints_to_alarm == 12
    error_message = "With scale_down = null, every attribute must have its default."
  }
}
