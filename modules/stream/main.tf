# One stream: its two alarms, which also contain the stream's settings as tags.
#
# The autoscaler's function reads all settings of a stream from these alarms. It changes only one part of them: the
# number in the expression `shardCount`, after each scaling. Terraform reads the same number from the stream at every
# plan. So a plan after a scaling shows no changes, and Terraform manages all other parts of the alarms.

# Read at every plan, and therefore without a precondition or postcondition. With one, Terraform would defer the read to
# the apply whenever the stream has a pending change, for example of a tag. The alarms have the preconditions instead.
data "aws_kinesis_stream" "this" {
  count = var.enabled ? 1 : 0

  name = local.stream_name
}

locals {
  # arn:<partition>:kinesis:<region>:<account>:stream/<name>
  stream_name = element(split("/", var.stream_arn), 1)
  partition   = element(split(":", var.stream_arn), 1)
  region      = element(split(":", var.stream_arn), 3)
  account_id  = element(split(":", var.stream_arn), 4)

  scale_up_alarm_name   = "${var.autoscaler.alarm_name_prefix}/${local.stream_name}/scale-up"
  scale_down_alarm_name = "${var.autoscaler.alarm_name_prefix}/${local.stream_name}/scale-down"

  open_shard_count = one([for stream in data.aws_kinesis_stream.this : length(stream.open_shards)])

  # The capacity of one shard per second.
  shard_write_bytes   = 1024 * 1024     # 1 MiB
  shard_write_records = 1000            # with their partition keys
  shard_read_bytes    = 2 * 1000 * 1000 # 2 MB, taken in its stricter sense; shared by all consumers without fan-out

  # Metrics of the stream, by their id in the expressions. CloudWatch charges for each metric in each alarm.
  metrics = merge(
    {
      incomingBytes   = "IncomingBytes"
      incomingRecords = "IncomingRecords"
    },
    var.scale_on_reads ? { readBytes = "GetRecords.Bytes" } : {},
  )
  scale_up_metrics = merge(
    local.metrics,
    var.scale_on_throttling ? { throttledRecords = "WriteProvisionedThroughputExceeded" } : {},
  )
  scale_down_metrics = local.metrics

  # Each kind of usage as a fraction of the open shards' capacity, over the period of either alarm.
  usage_expressions = {
    for direction, period in { up = var.scale_up.period_seconds, down = var.scale_down.period_seconds } : direction => merge(
      {
        shardCount   = local.open_shard_count
        bytesUsage   = "incomingBytes / (${period} * ${local.shard_write_bytes} * shardCount)"
        recordsUsage = "incomingRecords / (${period} * ${local.shard_write_records} * shardCount)"
      },
      var.scale_on_reads ? { readsUsage = "readBytes / (${period} * ${local.shard_read_bytes} * shardCount)" } : {},
    )
  }
  highest_usage = var.scale_on_reads ? "MAX([bytesUsage, recordsUsage, readsUsage])" : "MAX([bytesUsage, recordsUsage])"

  # A period with throttled records counts as full, regardless of the accepted traffic. A period without the metric
  # counts as not throttled, because CloudWatch's arithmetic treats a missing datapoint as 0.
  scale_up_expressions = merge(local.usage_expressions.up, {
    usage = var.scale_on_throttling ? "${local.highest_usage} + (throttledRecords > 0)" : local.highest_usage
  })

  # At the minimum, 1 is added, which reaches every threshold: the alarm cannot fire if no shard can be removed. Above
  # the maximum, 1 is subtracted, which is below every threshold: the alarm fires, and the stream shrinks as far as its
  # demand allows.
  scale_down_expressions = merge(local.usage_expressions.down, {
    minShardCount = var.min_shard_count
    maxShardCount = var.max_shard_count
    usage         = "${local.highest_usage} + (shardCount <= minShardCount) - (shardCount > maxShardCount)"
  })

  # While the count is unknown, all queries of the alarm are unknown, and not only one expression. If a set is partly
  # unknown, the provider fails after the apply with "produced inconsistent final plan". Terraform knows even then
  # whether the count is null, so the count is compared with a number.
  is_counted         = coalesce(local.open_shard_count, 1) > 0
  scale_up_queries   = local.is_counted ? local.scale_up_expressions : {}
  scale_down_queries = local.is_counted ? local.scale_down_expressions : {}

  # The settings of this stream that are not in expressions. Both alarms have them, because either may call the
  # function.
  settings = merge(
    {
      "kinesis-autoscaler:min-shard-count"             = var.min_shard_count
      "kinesis-autoscaler:max-shard-count"             = var.max_shard_count
      "kinesis-autoscaler:scaling-strategy"            = var.scaling_strategy
      "kinesis-autoscaler:target-utilization"          = var.target_utilization
      "kinesis-autoscaler:scale-up-cooldown-minutes"   = var.scale_up.cooldown_minutes
      "kinesis-autoscaler:scale-down-cooldown-minutes" = var.scale_down.cooldown_minutes
      "kinesis-autoscaler:max-iterator-age-minutes"    = var.max_iterator_age_minutes == null ? "disabled" : tostring(var.max_iterator_age_minutes)
      "kinesis-autoscaler:update-calls-per-day"        = var.update_calls_per_day
      "kinesis-autoscaler:calls-reserved-for-scale-up" = var.calls_reserved_for_scale_up
      "kinesis-autoscaler:foresight"                   = var.foresight
      "kinesis-autoscaler:throttling-cost"             = var.throttling_cost
      "kinesis-autoscaler:split-beyond-quota"          = var.split_beyond_quota
      "kinesis-autoscaler:split-hot-shards"            = var.split_hot_shards
      "kinesis-autoscaler:scale-on-throttling"         = var.scale_on_throttling
      "kinesis-autoscaler:scale-on-reads"              = var.scale_on_reads
    },
    { for name, concurrency in var.consumer_functions : "kinesis-autoscaler:consumer/${name}" => concurrency },
  )
}

resource "aws_cloudwatch_metric_alarm" "scale_up" {
  count = var.enabled ? 1 : 0

  alarm_name = local.scale_up_alarm_name
  alarm_description = format(
    "Scales the Kinesis stream %s up when it uses at least %g%% of its capacity in %d of %d periods of %d seconds. The autoscaler updates the number in shardCount.",
    local.stream_name, var.scale_up.threshold * 100,
    var.scale_up.datapoints_to_alarm, var.scale_up.evaluation_periods, var.scale_up.period_seconds,
  )

  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.scale_up.threshold
  evaluation_periods  = var.scale_up.evaluation_periods
  datapoints_to_alarm = var.scale_up.datapoints_to_alarm
  # Without data, the alarm stays in INSUFFICIENT_DATA, which tells the autoscaler that data are missing.
  treat_missing_data = "missing"
  alarm_actions      = [var.autoscaler.topic_arn]

  dynamic "metric_query" {
    for_each = local.scale_up_metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/Kinesis"
        metric_name = metric_query.value
        dimensions  = { StreamName = local.stream_name }
        period      = var.scale_up.period_seconds
        stat        = "Sum"
      }
    }
  }

  dynamic "metric_query" {
    for_each = local.scale_up_queries

    content {
      id          = metric_query.key
      expression  = metric_query.value
      return_data = metric_query.key == "usage"
    }
  }

  tags = merge(var.tags, local.settings)

  lifecycle {
    precondition {
      condition = alltrue([
        for stream in data.aws_kinesis_stream.this :
        element(split(":", stream.arn), 3) == local.region && element(split(":", stream.arn), 4) == local.account_id
      ])
      error_message = "With the provider of this module block the stream is ${join("", data.aws_kinesis_stream.this[*].arn)}, and stream_arn is ${var.stream_arn}. Give the block the provider of the stream's account and region: providers = { aws = aws.<alias> }."
    }

    precondition {
      condition = alltrue([
        for stream in data.aws_kinesis_stream.this : one(stream.stream_mode_details[*].stream_mode) == "PROVISIONED"
      ])
      error_message = "The stream ${local.stream_name} is in on-demand mode, in which Kinesis scales it. Switch it to provisioned mode (stream_mode = \"PROVISIONED\", with a shard_count), or remove this module block or set enabled = false."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "scale_down" {
  count = var.enabled ? 1 : 0

  alarm_name = local.scale_down_alarm_name
  alarm_description = format(
    "Scales the Kinesis stream %s down when it uses less than %g%% of its capacity in %d of %d periods of %d seconds. The autoscaler updates the number in shardCount.",
    local.stream_name, var.scale_down.threshold * 100,
    var.scale_down.datapoints_to_alarm, var.scale_down.evaluation_periods, var.scale_down.period_seconds,
  )

  comparison_operator = "LessThanThreshold"
  threshold           = var.scale_down.threshold
  evaluation_periods  = var.scale_down.evaluation_periods
  datapoints_to_alarm = var.scale_down.datapoints_to_alarm
  treat_missing_data  = "missing"
  alarm_actions       = [var.autoscaler.topic_arn]

  dynamic "metric_query" {
    for_each = local.scale_down_metrics

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/Kinesis"
        metric_name = metric_query.value
        dimensions  = { StreamName = local.stream_name }
        period      = var.scale_down.period_seconds
        stat        = "Sum"
      }
    }
  }

  dynamic "metric_query" {
    for_each = local.scale_down_queries

    content {
      id          = metric_query.key
      expression  = metric_query.value
      return_data = metric_query.key == "usage"
    }
  }

  tags = merge(var.tags, local.settings)

  # If the stream is refused, no alarm is created for it.
  depends_on = [aws_cloudwatch_metric_alarm.scale_up]
}
