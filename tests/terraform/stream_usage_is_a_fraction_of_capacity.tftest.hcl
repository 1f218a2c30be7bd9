# The arithmetic of the alarms, for a stream of three open shards (and two closed ones, which do not count). fixtures/alarms.json
# contains the expected expressions, which tests/static/test_alarm_arithmetic.py evaluates.

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

run "defaults" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id => query.expression if length(query.metric) == 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_up.expressions
    error_message = "The scale-up alarm's expressions are not those of the fixture."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_up.metrics
    error_message = "The scale-up alarm's metrics are not those of the fixture."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : [
        for metric in query.metric : {
          namespace = metric.namespace, dimensions = metric.dimensions, stat = metric.stat, period = metric.period
        }
      ]
      ])) == toset([{
      namespace  = "AWS/Kinesis"
      dimensions = tomap({ StreamName = "orders" })
      stat       = "Sum"
      period     = jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_up.period_seconds
    }])
    error_message = "Every metric of the scale-up alarm must be a sum over one stream and the alarm's own period."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id if query.return_data] == ["usage"]
    error_message = "The scale-up alarm must compare usage, and nothing else, with its threshold."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scale_up[0].threshold == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_up.threshold
      && aws_cloudwatch_metric_alarm.scale_up[0].comparison_operator == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_up.comparison
      && aws_cloudwatch_metric_alarm.scale_up[0].treat_missing_data == "missing"
    )
    error_message = "The scale-up alarm has another threshold, another comparison, or another treatment of missing data."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id => query.expression if length(query.metric) == 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_down.expressions
    error_message = "The scale-down alarm's expressions are not those of the fixture."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_down.metrics
    error_message = "The scale-down alarm's metrics are not those of the fixture."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : [
        for metric in query.metric : {
          namespace = metric.namespace, dimensions = metric.dimensions, stat = metric.stat, period = metric.period
        }
      ]
      ])) == toset([{
      namespace  = "AWS/Kinesis"
      dimensions = tomap({ StreamName = "orders" })
      stat       = "Sum"
      period     = jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_down.period_seconds
    }])
    error_message = "Every metric of the scale-down alarm must be a sum over one stream and the alarm's own period."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id if query.return_data] == ["usage"]
    error_message = "The scale-down alarm must compare usage, and nothing else, with its threshold."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scale_down[0].threshold == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_down.threshold
      && aws_cloudwatch_metric_alarm.scale_down[0].comparison_operator == jsondecode(file("tests/terraform/fixtures/alarms.json")).defaults.scale_down.comparison
      && aws_cloudwatch_metric_alarm.scale_down[0].treat_missing_data == "missing"
    )
    error_message = "The scale-down alarm has another threshold, another comparison, or another treatment of missing data."
  }
}

run "at_the_minimum" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    min_shard_count = 3
    scale_down      = { threshold = 0.2, period_seconds = 60 }
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id => query.expression if length(query.metric) == 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_up.expressions
    error_message = "The scale-up alarm's expressions are not those of the fixture."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_up.metrics
    error_message = "The scale-up alarm's metrics are not those of the fixture."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : [
        for metric in query.metric : {
          namespace = metric.namespace, dimensions = metric.dimensions, stat = metric.stat, period = metric.period
        }
      ]
      ])) == toset([{
      namespace  = "AWS/Kinesis"
      dimensions = tomap({ StreamName = "orders" })
      stat       = "Sum"
      period     = jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_up.period_seconds
    }])
    error_message = "Every metric of the scale-up alarm must be a sum over one stream and the alarm's own period."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id if query.return_data] == ["usage"]
    error_message = "The scale-up alarm must compare usage, and nothing else, with its threshold."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scale_up[0].threshold == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_up.threshold
      && aws_cloudwatch_metric_alarm.scale_up[0].comparison_operator == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_up.comparison
      && aws_cloudwatch_metric_alarm.scale_up[0].treat_missing_data == "missing"
    )
    error_message = "The scale-up alarm has another threshold, another comparison, or another treatment of missing data."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id => query.expression if length(query.metric) == 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_down.expressions
    error_message = "The scale-down alarm's expressions are not those of the fixture."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_down.metrics
    error_message = "The scale-down alarm's metrics are not those of the fixture."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : [
        for metric in query.metric : {
          namespace = metric.namespace, dimensions = metric.dimensions, stat = metric.stat, period = metric.period
        }
      ]
      ])) == toset([{
      namespace  = "AWS/Kinesis"
      dimensions = tomap({ StreamName = "orders" })
      stat       = "Sum"
      period     = jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_down.period_seconds
    }])
    error_message = "Every metric of the scale-down alarm must be a sum over one stream and the alarm's own period."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id if query.return_data] == ["usage"]
    error_message = "The scale-down alarm must compare usage, and nothing else, with its threshold."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scale_down[0].threshold == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_down.threshold
      && aws_cloudwatch_metric_alarm.scale_down[0].comparison_operator == jsondecode(file("tests/terraform/fixtures/alarms.json")).at_the_minimum.scale_down.comparison
      && aws_cloudwatch_metric_alarm.scale_down[0].treat_missing_data == "missing"
    )
    error_message = "The scale-down alarm has another threshold, another comparison, or another treatment of missing data."
  }
}

run "sized_by_reads" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    scale_on_reads      = true
    scale_on_throttling = true
    target_utilization  = 0.7
    scale_up            = { threshold = 0.8, period_seconds = 300 }
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id => query.expression if length(query.metric) == 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_up.expressions
    error_message = "The scale-up alarm's expressions are not those of the fixture."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_up.metrics
    error_message = "The scale-up alarm's metrics are not those of the fixture."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : [
        for metric in query.metric : {
          namespace = metric.namespace, dimensions = metric.dimensions, stat = metric.stat, period = metric.period
        }
      ]
      ])) == toset([{
      namespace  = "AWS/Kinesis"
      dimensions = tomap({ StreamName = "orders" })
      stat       = "Sum"
      period     = jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_up.period_seconds
    }])
    error_message = "Every metric of the scale-up alarm must be a sum over one stream and the alarm's own period."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.scale_up[0].metric_query : query.id if query.return_data] == ["usage"]
    error_message = "The scale-up alarm must compare usage, and nothing else, with its threshold."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scale_up[0].threshold == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_up.threshold
      && aws_cloudwatch_metric_alarm.scale_up[0].comparison_operator == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_up.comparison
      && aws_cloudwatch_metric_alarm.scale_up[0].treat_missing_data == "missing"
    )
    error_message = "The scale-up alarm has another threshold, another comparison, or another treatment of missing data."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id => query.expression if length(query.metric) == 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_down.expressions
    error_message = "The scale-down alarm's expressions are not those of the fixture."
  }

  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id => one(query.metric).metric_name if length(query.metric) > 0
    } == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_down.metrics
    error_message = "The scale-down alarm's metrics are not those of the fixture."
  }

  assert {
    condition = toset(flatten([
      for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : [
        for metric in query.metric : {
          namespace = metric.namespace, dimensions = metric.dimensions, stat = metric.stat, period = metric.period
        }
      ]
      ])) == toset([{
      namespace  = "AWS/Kinesis"
      dimensions = tomap({ StreamName = "orders" })
      stat       = "Sum"
      period     = jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_down.period_seconds
    }])
    error_message = "Every metric of the scale-down alarm must be a sum over one stream and the alarm's own period."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.scale_down[0].metric_query : query.id if query.return_data] == ["usage"]
    error_message = "The scale-down alarm must compare usage, and nothing else, with its threshold."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.scale_down[0].threshold == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_down.threshold
      && aws_cloudwatch_metric_alarm.scale_down[0].comparison_operator == jsondecode(file("tests/terraform/fixtures/alarms.json")).sized_by_reads.scale_down.comparison
      && aws_cloudwatch_metric_alarm.scale_down[0].treat_missing_data == "missing"
    )
    error_message = "The scale-down alarm has another threshold, another comparison, or another treatment of missing data."
  }
}
