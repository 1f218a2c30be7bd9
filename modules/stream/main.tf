# One stream: its pair of alarms, which also carry the stream's settings, as tags.
#
# The autoscaler's function reads all that it knows of a stream from these alarms, and changes one thing of them: the number
# in the expression `shardCount`, once it has scaled. Terraform reads the same number from the stream whenever it plans, so
# that it finds nothing to change after a scaling, and stays the owner of everything else.

# Read whenever Terraform plans, and so without a precondition or postcondition: Terraform puts off the reading of a data
# source that has one while the stream has any change pending, a tag say. What it has to be is checked by the alarms.
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

  # What one shard takes in a second.
  shard_write_bytes   = 1024 * 1024     # 1 MiB
  shard_write_records = 1000            # with their partition keys
  shard_read_bytes    = 2 * 1000 * 1000 # 2 MB, taken in its stricter sense; shared by all consumers without fan-out

  # Metrics of the stream, by the id under which the expressions know them. CloudWatch charges for each, in each alarm.
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

  # Each use of the stream as a fraction of what its open shards take, over the period of either alarm.
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

  # A period with throttled records counts as full, whatever was accepted. One without the metric counts as not throttled:
  # in arithmetic CloudWatch takes a missing point for 0.
  scale_up_expressions = merge(local.usage_expressions.up, {
    usage = var.scale_on_throttling ? "${local.highest_usage} + (throttledRecords > 0)" : local.highest_usage
  })

  # At the minimum 1 is added, which no threshold lies above: the alarm cannot fire where no shard can be removed. Above
  # the maximum 1 is taken away, which every threshold lies above: the alarm fires, and the stream goes down as its demand
  # allows.
  scale_down_expressions = merge(local.usage_expressions.down, {
    minShardCount = var.min_shard_count
    maxShardCount = var.max_shard_count
    usage         = "${local.highest_usage} + (shardCount <= minShardCount) - (shardCount > maxShardCount)"
  })

  # While the count is not known yet, the alarm's queries are not known as a whole rather than in one of their expressions:
  # of a set with an unknown part the provider says after the apply that it "produced inconsistent final plan".
  # Whether the count is null Terraform knows even then, so it is compared with a number.
  is_counted         = coalesce(local.open_shard_count, 1) > 0
  scale_up_queries   = local.is_counted ? local.scale_up_expressions : {}
  scale_down_queries = local.is_counted ? local.scale_down_expressions : {}

  # What the function has to know of this stream and no expression says. On both alarms, since either may call it.
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
  # No data leaves the alarm in INSUFFICIENT_DATA, in which the autoscaler sees that there is none.
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

  # Where the stream is refused, no alarm is made of it.
  depends_on = [aws_cloudwatch_metric_alarm.scale_up]
}
