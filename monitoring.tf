# Monitoring of the autoscaler: health alarms, the fleet's dashboard, saved queries of its log.

locals {
  # In seconds, and a multiple of five minutes, for which CloudWatch keeps datapoints for 63 days.
  reconcile_period = 300 * ceil(var.reconcile_interval_minutes / 5)

  # Dimensions of the function's own metrics (reporting.py), summed over all streams. Metrics per stream have the
  # dimension StreamName instead.
  total = { FunctionName = var.name }

  # Each alarm: a statistic of a metric. `period` is in seconds, `periods` is the number of periods that are evaluated,
  # and `datapoints` is the number of those that must breach. docs/operations.md has a section with the name of each
  # alarm, which says what to do.
  health_alarms = {
    failures = {
      meaning = "The Kinesis autoscaler failed to scale a stream, update an alarm, set a consumer's concurrency, or handle an event."
      metric  = { namespace = "KinesisAutoscaler", name = "Failures", stat = "Sum", dimensions = local.total }
      period  = 300, periods = 2, datapoints = 1
    }

    # Lambda's retry heals a single error. If every attempt fails, the event goes to the dead-letter queue.
    function-errors = {
      meaning = "Invocations of the Kinesis autoscaler's function fail repeatedly."
      metric  = { namespace = "AWS/Lambda", name = "Errors", stat = "Sum", dimensions = local.total }
      period  = 300, periods = 12, datapoints = 2
    }

    # Throttled events wait for up to six hours, so a burst is harmless.
    function-throttles = {
      meaning = "Lambda has throttled the Kinesis autoscaler's function for a quarter of an hour: the account lacks concurrency."
      metric  = { namespace = "AWS/Lambda", name = "Throttles", stat = "Sum", dimensions = local.total }
      period  = 300, periods = 3, datapoints = 3
    }

    dead-letters = {
      meaning = "The Kinesis autoscaler's dead-letter queue contains events that it could not handle."
      metric  = { namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = { QueueName = local.dead_letter_queue_name } }
      period  = 300, periods = 2, datapoints = 1
    }

    # The reason is reported again once an hour while the load lasts, so the alarm stays on for as long.
    at-maximum = {
      meaning = "A stream has max_shard_count shards, and its traffic needs more."
      metric  = { namespace = "KinesisAutoscaler", name = "Skips", stat = "Sum", dimensions = merge(local.total, { Reason = "AT_MAXIMUM" }) }
      # One hour, plus two reconciles: the first reconcile after the hour reports the reason again.
      period = 300, periods = 12 + 2 * ceil(local.reconcile_period / 300), datapoints = 1
    }

    # The reason is reported once. The record's retry_at says until when it applies.
    quota-exhausted = {
      meaning = "A stream needs another scaling, but has used all changes of its shard count that Kinesis allows in 24 hours."
      metric  = { namespace = "KinesisAutoscaler", name = "Skips", stat = "Sum", dimensions = merge(local.total, { Reason = "QUOTA_EXHAUSTED" }) }
      period  = 300, periods = 12, datapoints = 1
    }

    no-reconcile = {
      meaning = "The Kinesis autoscaler has not reconciled for ${3 * local.reconcile_period / 60} minutes: interrupted changes are not completed, and alarms are not corrected."
      metric  = { namespace = "KinesisAutoscaler", name = "Reconciles", stat = "Sum", dimensions = local.total }
      period  = local.reconcile_period, periods = 3, datapoints = 3
    }
  }
  alarms_when_absent = ["no-reconcile"]

  health_alarm_prefix = "${var.name}-health-"
  # Only SNS topics are notified when an alarm ends. Other actions, for example those that open an incident, are not.
  recovery_actions = [for arn in var.alarm_actions : arn if strcontains(arn, ":sns:")]
}

# ----------------------------------------------------------------------------------------------------------------------
# Health alarms
# ----------------------------------------------------------------------------------------------------------------------

resource "aws_cloudwatch_metric_alarm" "health" {
  for_each = var.health_alarms_enabled ? local.health_alarms : {}

  alarm_name        = "${local.health_alarm_prefix}${each.key}"
  alarm_description = "${each.value.meaning} What to do: docs/operations.md#${each.key}"

  # The function reports only what happened, so most periods have no datapoint. CloudWatch would then evaluate older
  # datapoints, and the alarm would start and end late. FILL gives each period a datapoint.
  metric_query {
    id          = "happened"
    expression  = "FILL(reported, 0)"
    label       = each.value.metric.name
    return_data = true
  }

  metric_query {
    id = "reported"

    metric {
      namespace   = each.value.metric.namespace
      metric_name = each.value.metric.name
      dimensions  = each.value.metric.dimensions
      stat        = each.value.metric.stat
      period      = each.value.period
    }
  }

  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = contains(local.alarms_when_absent, each.key) ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = contains(local.alarms_when_absent, each.key) ? "breaching" : "notBreaching"

  alarm_actions = var.alarm_actions
  ok_actions    = local.recovery_actions

  tags = var.tags

  # The schedule comes first, so that the first reconcile soon reports a datapoint to no-reconcile.
  depends_on = [aws_scheduler_schedule.reconcile]
}

# ----------------------------------------------------------------------------------------------------------------------
# The fleet's dashboard: SEARCH finds the streams, so the dashboard does not change when a stream is added or removed
# ----------------------------------------------------------------------------------------------------------------------

locals {
  # Twice the interval of reconciles, so that a late reconcile leaves no gap.
  gauge_period = 2 * local.reconcile_period
  count_period = 900

  # The cost of each period of a graph. With a single period as long as the time range, the cost of the time range.
  cost_expression = "shards * PERIOD(shards) / 3600 * ${var.shard_hour_price}"

  fleet_search = {
    # The function reports the count after each change and every six hours. Between reports, REPEAT fills in the last value.
    shards     = "FILL(SEARCH('{KinesisAutoscaler,StreamName} MetricName=\"ShardCount\"', 'Maximum', ${local.gauge_period}), REPEAT)"
    skips      = "SEARCH('{KinesisAutoscaler,FunctionName,Reason} FunctionName=\"${var.name}\" MetricName=\"Skips\"', 'Sum', ${local.count_period})"
    at_maximum = "SEARCH('{KinesisAutoscaler,StreamName,Reason} MetricName=\"Skips\" Reason=\"AT_MAXIMUM\"', 'Sum', ${local.count_period})"
  }

  graph       = { region = local.region, view = "timeSeries", stacked = false, period = local.count_period, stat = "Sum" }
  number      = { region = local.region, view = "singleValue", period = local.gauge_period, stat = "Maximum" }
  of_total    = ["FunctionName", var.name]
  of_stream   = "$${PROP('Dim.StreamName')}"
  from_zero   = { left = { min = 0 } }
  log_as_path = replace(urlencode(urlencode(local.log_group_name)), "%", "$") # the form that the console's links use

  fleet_widgets = [
    {
      type = "text", x = 0, y = 0, width = 12, height = 3
      properties = {
        # Relative links within the console work in every partition.
        markdown = join("\n", [
          "## Kinesis autoscaler ${var.name}",
          "[Alarms](#alarmsV2:?search=${var.name}) · [Log](#logsV2:log-groups/log-group/${local.log_as_path}) · audit table `${local.audit_table_name}`",
          "",
          "Latest decisions: saved query `${var.name}/decisions`. What each symptom means, and what to do: `docs/operations.md` of the module.",
        ])
      }
    },
    {
      type = "metric", x = 0, y = 3, width = 9, height = 3
      properties = merge(local.number, {
        title = "Now"
        metrics = [
          concat(["KinesisAutoscaler", "Streams"], local.of_total, [{ label = "streams" }]),
          concat(["KinesisAutoscaler", "ShardCount"], local.of_total, [{ label = "open shards", id = "shards" }]),
          [{ expression = "shards * 24 * ${var.shard_hour_price}", label = "USD a day at this size" }],
        ]
      })
    },
    {
      type = "metric", x = 9, y = 3, width = 15, height = 3
      properties = merge(local.number, {
        title = "In this time range", stat = "Sum", setPeriodToTimeRange = true
        metrics = [
          concat(["KinesisAutoscaler", "ScaleUps"], local.of_total, [{ id = "ups", visible = false }]),
          [{ expression = "FILL(ups, 0)", label = "scaled up" }],
          concat(["KinesisAutoscaler", "ScaleDowns"], local.of_total, [{ id = "downs", visible = false }]),
          [{ expression = "FILL(downs, 0)", label = "scaled down" }],
          concat(["KinesisAutoscaler", "Failures"], local.of_total, [{ id = "failures", visible = false }]),
          [{ expression = "FILL(failures, 0)", label = "failures" }],
          concat(["KinesisAutoscaler", "AlarmRepairs"], local.of_total, [{ id = "repairs", visible = false }]),
          [{ expression = "FILL(repairs, 0)", label = "alarms repaired" }],
          concat(["KinesisAutoscaler", "StuckAlarms"], local.of_total, [{ id = "stuck", visible = false }]),
          [{ expression = "FILL(stuck, 0)", label = "stuck alarms re-armed" }],
          concat(["KinesisAutoscaler", "ShardCount"], local.of_total, [{ id = "shards", stat = "Average", visible = false }]),
          [{ expression = local.cost_expression, label = "USD for shards" }],
        ]
      })
    },
    {
      type = "metric", x = 0, y = 6, width = 12, height = 7
      properties = merge(local.graph, {
        title   = "Open shards of the 20 largest streams", stacked = true, yAxis = local.from_zero
        metrics = [[{ expression = "SORT(${local.fleet_search.shards}, MAX, DESC, 20)", label = local.of_stream }]]
      })
    },
    {
      type = "metric", x = 12, y = 6, width = 12, height = 7
      properties = merge(local.graph, {
        title = "Estimated shard cost at ${var.shard_hour_price} USD per shard-hour", period = 3600, yAxis = local.from_zero
        metrics = [
          concat(["KinesisAutoscaler", "ShardCount"], local.of_total, [{ id = "shards", stat = "Average", visible = false }]),
          [{ expression = local.cost_expression, label = "USD an hour" }],
        ]
      })
    },
    {
      type = "metric", x = 0, y = 13, width = 12, height = 6
      properties = merge(local.graph, {
        title = "Scalings", yAxis = local.from_zero
        metrics = [
          concat(["KinesisAutoscaler", "ScaleUps"], local.of_total, [{ id = "ups", visible = false }]),
          concat(["KinesisAutoscaler", "ScaleDowns"], local.of_total, [{ id = "downs", visible = false }]),
          [{ expression = "FILL(ups, 0)", label = "up", color = "#1b8a5a" }],
          [{ expression = "FILL(downs, 0)", label = "down", color = "#e07b00" }],
        ]
      })
    },
    {
      type = "metric", x = 12, y = 13, width = 12, height = 6
      properties = merge(local.graph, {
        title   = "Problems by reason", stacked = true, yAxis = local.from_zero
        metrics = [[{ expression = "FILL(${local.fleet_search.skips}, 0)", label = "$${PROP('Dim.Reason')}" }]]
      })
    },
    {
      type = "metric", x = 0, y = 19, width = 12, height = 6
      properties = merge(local.graph, {
        title   = "Streams that need more than max_shard_count (counted once a day)", yAxis = local.from_zero
        metrics = [[{ expression = "FILL(${local.fleet_search.at_maximum}, 0)", label = local.of_stream }]]
      })
    },
    {
      type = "metric", x = 12, y = 19, width = 12, height = 6
      properties = merge(local.graph, {
        title = "Failures", yAxis = local.from_zero
        metrics = [
          concat(["KinesisAutoscaler", "Failures"], local.of_total, [{ id = "failures", visible = false }]),
          [{ expression = "FILL(failures, 0)", label = "failures", color = "#d62839" }],
          concat(["AWS/Lambda", "Errors"], local.of_total, [{ label = "function errors", color = "#e07b00" }]),
          concat(["AWS/Lambda", "Throttles"], local.of_total, [{ label = "function throttles", color = "#7b5ea7" }]),
          concat(["KinesisAutoscaler", "RefusedEvents"], local.of_total, [{ label = "refused events", color = "#888888" }]),
        ]
      })
    },
    {
      type = "metric", x = 0, y = 25, width = 6, height = 6
      properties = merge(local.graph, {
        title = "Reconcile", yAxis = local.from_zero
        metrics = [
          concat(["KinesisAutoscaler", "Reconciles"], local.of_total, [{ id = "runs", visible = false }]),
          [{ expression = "FILL(runs, 0)", label = "runs" }],
          concat(["KinesisAutoscaler", "AlarmRepairs"], local.of_total, [{ id = "repairs", visible = false }]),
          [{ expression = "FILL(repairs, 0)", label = "alarms repaired" }],
          concat(["KinesisAutoscaler", "StuckAlarms"], local.of_total, [{ id = "stuck", visible = false }]),
          [{ expression = "FILL(stuck, 0)", label = "stuck alarms re-armed" }],
        ]
      })
    },
    {
      type = "metric", x = 6, y = 25, width = 6, height = 6
      properties = merge(local.graph, {
        title = "Scaling time in seconds", yAxis = local.from_zero
        metrics = [
          concat(["KinesisAutoscaler", "ReshardSeconds"], local.of_total, [{ label = "longest", stat = "Maximum" }]),
          concat(["KinesisAutoscaler", "ReshardSeconds"], local.of_total, [{ label = "average", stat = "Average" }]),
        ]
      })
    },
    {
      type = "metric", x = 12, y = 25, width = 6, height = 6
      properties = merge(local.graph, {
        title   = "Dead-letter queue", yAxis = local.from_zero
        metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", local.dead_letter_queue_name, { label = "events", stat = "Maximum" }]]
      })
    },
    {
      type = "metric", x = 18, y = 25, width = 6, height = 6
      properties = merge(local.graph, {
        title   = "Forecast error, fraction of demand", period = 3600, yAxis = local.from_zero
        metrics = [concat(["KinesisAutoscaler", "ForecastError"], local.of_total, [{ label = "mean of all streams", stat = "Average", color = "#1f77b4" }])]
      })
    },
  ]

  health_alarm_arns = var.health_alarms_enabled ? [for name in keys(local.health_alarms) : "${local.alarm_arn_prefix}${local.health_alarm_prefix}${name}"] : []
  health_widgets = [
    for arns in [local.health_alarm_arns] : {
      type = "alarm", x = 12, y = 0, width = 12, height = 3
      properties = {
        title  = "Health alarms"
        alarms = arns
      }
    } if length(arns) > 0
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard_enabled ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({
    start          = "-P1D"
    periodOverride = "inherit"
    widgets        = concat(local.fleet_widgets, local.health_widgets)
  })
}

# ----------------------------------------------------------------------------------------------------------------------
# Saved queries of the log, under CloudWatch, Logs Insights, Queries
# ----------------------------------------------------------------------------------------------------------------------

locals {
  log_queries = {
    decisions = join("\n", [
      "fields @timestamp, stream, action, status, reason, from_shard_count, to_shard_count, demand_shards, calls_left, message",
      "| filter ispresent(reason)",
      "| sort @timestamp desc",
      "| limit 200",
    ])

    # Errors that the function logged, and Lambda's own records of runs that timed out or ran out of memory.
    failures = join("\n", [
      "fields @timestamp, stream, action, status, reason, message, error, errorType, errorMessage, record.status, requestId",
      "| filter level = \"ERROR\" or record.status in [\"error\", \"failure\", \"timeout\"]",
      "| sort @timestamp desc",
      "| limit 200",
    ])

    # The forecast of each stream's last hour next to the actual demand.
    forecasts = join("\n", [
      "fields @timestamp, stream, last_expected_shards, came_shards, expected_shards, days, shard_count, grow_to, shrink_to",
      "| filter message = \"Forecast.\"",
      "| sort @timestamp desc",
      "| limit 200",
    ])

    slowest-reshards = join("\n", [
      "fields @timestamp, stream, action, from_shard_count, to_shard_count, seconds",
      "| filter status = \"SUCCEEDED\"",
      "| sort seconds desc",
      "| limit 50",
    ])
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.log_queries

  name            = "${var.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.function.name]
  query_string    = each.value
}
