# `enabled`, on and off.

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

run "enabled_creates_the_pair" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1 && length(aws_cloudwatch_metric_alarm.scale_down) == 1
    error_message = "A stream is scaled by a pair of alarms."
  }
}

run "disabled_creates_nothing" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 0 && length(aws_cloudwatch_metric_alarm.scale_down) == 0
    error_message = "A stream that is not scaled has no alarms."
  }

  assert {
    condition     = length(data.aws_kinesis_stream.this) == 0
    error_message = "A stream that is not scaled is not looked up: it may not even exist."
  }

  assert {
    condition     = output.shard_count == null && output.scale_up_alarm_name == null && output.scale_up_alarm_arn == null && output.scale_down_alarm_name == null && output.scale_down_alarm_arn == null
    error_message = "Outputs of resources that do not exist are null."
  }

  assert {
    condition     = output.scaling_log_command != null
    error_message = "The records of earlier scalings stay in the audit table."
  }
}
