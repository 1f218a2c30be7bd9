# The switches that add metrics to the alarms, on and off.

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

run "on" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_on_throttling = true
    scale_on_reads      = true
  }

  assert {
    condition     = contains([for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id], "throttledRecords") && endswith(one([for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.expression if query.id == "usage"]), " + (throttledRecords > 0)")
    error_message = "A period with throttled records must count as full."
  }

  assert {
    condition     = !contains([for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id], "throttledRecords")
    error_message = "The scale-down alarm does not use throttled records, which would cost more."
  }

  assert {
    condition     = alltrue([for ids in [[for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id], [for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id]] : contains(ids, "readBytes") && contains(ids, "readsUsage")])
    error_message = "Both alarms must read the read bytes."
  }

  assert {
    condition     = alltrue([for usage in [one([for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.expression if query.id == "usage"]), one([for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.expression if query.id == "usage"])] : strcontains(usage, "readsUsage")])
    error_message = "The read bytes must count in both alarms."
  }
}

run "off" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_on_throttling = false
    scale_on_reads      = false
  }

  assert {
    condition     = !contains([for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id], "throttledRecords") && !strcontains(one([for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.expression if query.id == "usage"]), "throttledRecords")
    error_message = "Throttled records must neither be read nor counted."
  }

  assert {
    condition     = alltrue([for ids in [[for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id], [for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id]] : !contains(ids, "readBytes") && !contains(ids, "readsUsage")])
    error_message = "Neither alarm may read a metric that does not count."
  }

  assert {
    condition     = alltrue([for usage in [one([for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.expression if query.id == "usage"]), one([for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.expression if query.id == "usage"])] : !strcontains(usage, "readsUsage")])
    error_message = "Neither alarm may use a metric that it does not read."
  }
}
