# The stream's dashboard. It computes usage with the expressions of the alarms, with one difference: the alarms contain
# the number of shards as a literal, and the dashboard uses the metric that the function reports. So the graphs are also
# correct for the past, and Terraform plans no change of the dashboard after a scaling.

locals {
  graph     = { region = local.region, view = "timeSeries", stacked = false, period = 60, stat = "Sum", yAxis = { left = { min = 0 } } }
  of_stream = ["StreamName", local.stream_name]

  # The function reports the count after each change and every six hours. Between reports, REPEAT fills in the last value.
  reported_shard_count = concat(["KinesisAutoscaler", "ShardCount"], local.of_stream, [{ id = "reported", stat = "Maximum", visible = false }])
  shard_count          = { id = "shardCount", expression = "FILL(reported, REPEAT)", visible = false }

  usage_graphs = [
    {
      x           = 0
      title       = "Usage as computed by the scale-up alarm"
      label       = "usage"
      period      = var.scale_up.period_seconds
      metrics     = local.scale_up_metrics
      expressions = local.scale_up_expressions
      threshold   = { label = "scales up", value = var.scale_up.threshold, color = "#1b8a5a", fill = "above" }
    },
    {
      x           = 12
      title       = "Usage as computed by the scale-down alarm"
      label       = "usage (plus 1 at the minimum, minus 1 above the maximum)"
      period      = var.scale_down.period_seconds
      metrics     = local.scale_down_metrics
      expressions = local.scale_down_expressions
      threshold   = { label = "scales down", value = var.scale_down.threshold, color = "#e07b00", fill = "below" }
    },
  ]

  usage_widgets = [
    for graph in local.usage_graphs : {
      type = "metric", x = graph.x, y = 9, width = 12, height = 6
      properties = merge(local.graph, {
        title       = graph.title
        period      = graph.period
        annotations = { horizontal = [graph.threshold] }
        metrics = concat(
          [local.reported_shard_count],
          [for id, name in graph.metrics : concat(["AWS/Kinesis", name], local.of_stream, [{ id = id, visible = false }])],
          [
            for id, expression in merge(graph.expressions, { shardCount = local.shard_count.expression }) :
            [{ id = id, expression = tostring(expression), label = id == "usage" ? graph.label : id, visible = id == "usage" }]
          ],
        )
      })
    }
  ]

  # Written or read traffic a second, and the capacity of the open shards.
  traffic_graphs = [
    { x = 0, title = "Bytes written (MiB/s)", metric = "IncomingBytes", unit = 1024 * 1024, per_shard = local.shard_write_bytes },
    { x = 8, title = "Records written (per second)", metric = "IncomingRecords", unit = 1, per_shard = local.shard_write_records },
    { x = 16, title = "Bytes read without enhanced fan-out (MB/s)", metric = "GetRecords.Bytes", unit = 1000 * 1000, per_shard = local.shard_read_bytes },
  ]

  traffic_widgets = [
    for graph in local.traffic_graphs : {
      type = "metric", x = graph.x, y = 3, width = 8, height = 6
      properties = merge(local.graph, {
        title = graph.title
        metrics = [
          local.reported_shard_count,
          [local.shard_count],
          concat(["AWS/Kinesis", graph.metric], local.of_stream, [{ id = "traffic", visible = false }]),
          [{ expression = "traffic / (PERIOD(traffic) * ${graph.unit})", label = "traffic", color = "#1f77b4" }],
          [{ expression = "shardCount * ${graph.per_shard / graph.unit}", label = "capacity", color = "#1f3b57" }],
        ]
      })
    }
  ]

  stream_widgets = [
    {
      type = "text", x = 0, y = 0, width = 12, height = 3
      properties = {
        # Relative links within the console work in every partition.
        markdown = join("\n", [
          "## ${local.stream_name}",
          "${var.min_shard_count} to ${var.max_shard_count} shards · [alarms](#alarmsV2:?search=${var.autoscaler.alarm_name_prefix}/${local.stream_name}/) · [fleet](#dashboards:name=${var.autoscaler.alarm_name_prefix}) · audit table `${var.autoscaler.audit_table_name}`",
          "",
          "Reasons of all decisions: the module's output `scaling_log_command`. What to do: `docs/operations.md` of the module.",
        ])
      }
    },
    {
      type = "alarm", x = 12, y = 0, width = 12, height = 3
      properties = {
        title  = "Alarms of ${local.stream_name}"
        alarms = concat(aws_cloudwatch_metric_alarm.scale_up[*].arn, aws_cloudwatch_metric_alarm.scale_down[*].arn)
      }
    },
    {
      type = "metric", x = 0, y = 15, width = 12, height = 6
      properties = merge(local.graph, {
        title = "Shards and scalings"
        yAxis = { left = { min = 0, label = "shards" }, right = { min = 0, label = "scalings" } }
        metrics = [
          local.reported_shard_count,
          [merge(local.shard_count, { label = "open shards", color = "#1f3b57", visible = true })],
          concat(["KinesisAutoscaler", "ScaleUps"], local.of_stream, [{ label = "scaled up", color = "#1b8a5a", yAxis = "right" }]),
          concat(["KinesisAutoscaler", "ScaleDowns"], local.of_stream, [{ label = "scaled down", color = "#e07b00", yAxis = "right" }]),
          concat(["KinesisAutoscaler", "Failures"], local.of_stream, [{ label = "failures", color = "#d62839", yAxis = "right" }]),
        ]
      })
    },
    {
      type = "metric", x = 12, y = 15, width = 12, height = 6
      properties = merge(local.graph, {
        title = "Problems by reason (each counted once a day)", stacked = true, period = 900
        metrics = [[{
          expression = "FILL(SEARCH('{KinesisAutoscaler,StreamName,Reason} StreamName=\"${local.stream_name}\" MetricName=\"Skips\"', 'Sum', 900), 0)"
          label      = "$${PROP('Dim.Reason')}"
        }]]
      })
    },
    {
      type = "metric", x = 0, y = 21, width = 8, height = 6
      properties = merge(local.graph, {
        title = "Throttling"
        metrics = [
          concat(["AWS/Kinesis", "WriteProvisionedThroughputExceeded"], local.of_stream, [{ label = "throttled records", color = "#d62839" }]),
          concat(["AWS/Kinesis", "ReadProvisionedThroughputExceeded"], local.of_stream, [{ label = "throttled reads", color = "#7b5ea7" }]),
        ]
      })
    },
    {
      type = "metric", x = 8, y = 21, width = 8, height = 6
      properties = merge(local.graph, {
        title = "Iterator age in minutes"
        annotations = {
          horizontal = [for limit in var.max_iterator_age_minutes[*] : { label = "no scale-down", value = limit, color = "#e07b00", fill = "above" }]
        }
        metrics = [
          concat(["AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds"], local.of_stream, [{ id = "age", stat = "Maximum", visible = false }]),
          [{ expression = "age / 60000", label = "oldest unread record", color = "#1f77b4" }],
        ]
      })
    },
    {
      type = "metric", x = 16, y = 21, width = 8, height = 6
      properties = merge(local.graph, {
        title = "Shard count changes left today"
        yAxis = { left = { min = 0, max = var.update_calls_per_day } }
        metrics = [
          concat(["KinesisAutoscaler", "CallsLeftToday"], local.of_stream, [{ id = "left", stat = "Minimum", visible = false }]),
          [{ expression = "FILL(left, REPEAT)", label = "left after the last scaling", color = "#1f77b4" }],
        ]
      })
    },
  ]

  consumer_widgets = [
    for index, name in sort(keys(var.consumer_functions)) : {
      type = "metric", x = 8 * (index % 3), y = 27 + 6 * floor(index / 3), width = 8, height = 6
      properties = merge(local.graph, {
        title = "Consumer ${name}"
        yAxis = { left = { min = 0, label = "concurrency" }, right = { min = 0, label = "throttles" } }
        metrics = [
          local.reported_shard_count,
          [local.shard_count],
          [{ expression = "shardCount * ${var.consumer_functions[name]}", label = "needed for the open shards", color = "#1f3b57" }],
          ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", name, { label = "in use", color = "#1f77b4", stat = "Maximum" }],
          ["AWS/Lambda", "Throttles", "FunctionName", name, { label = "throttles", color = "#d62839", yAxis = "right" }],
        ]
      })
    }
  ]

  # Kinesis reports the demand every minute. The function makes a forecast every hour, logs it, and reports it as a metric
  # every six hours.
  forecast_widgets = [
    for title in ["Demand and forecast, in shards"] : {
      type = "metric", x = 0, y = 27 + 6 * ceil(length(var.consumer_functions) / 3), width = 24, height = 6
      properties = merge(local.graph, {
        title = title
        metrics = concat(
          [for id, name in local.metrics : concat(["AWS/Kinesis", name], local.of_stream, [{ id = id, visible = false }])],
          [
            [{ expression = "MAX([${join(", ", [
              "incomingBytes / (60 * ${local.shard_write_bytes})",
              "incomingRecords / (60 * ${local.shard_write_records})",
            ])}])", label = "demand", color = "#1f77b4" }],
            concat(["KinesisAutoscaler", "ExpectedShards"], local.of_stream, [{ label = "forecast for the hour", color = "#e07b00", stat = "Maximum" }]),
          ],
        )
      })
    } if var.foresight != "off"
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.enabled && var.dashboard_enabled ? 1 : 0

  # A dashboard's name may contain no slashes and no periods. The hash keeps the names of two streams different if their
  # stream names differ only in such characters.
  dashboard_name = join("-", [
    var.autoscaler.alarm_name_prefix,
    replace(local.stream_name, ".", "_"),
    substr(sha256("${var.autoscaler.alarm_name_prefix}/${local.stream_name}"), 0, 8),
  ])
  dashboard_body = jsonencode({
    start = "-P1D"
    # The alarms' expressions are correct only for the alarms' periods, so a graph keeps its period in every time range.
    periodOverride = "inherit"
    widgets        = concat(local.stream_widgets, local.traffic_widgets, local.usage_widgets, local.consumer_widgets, local.forecast_widgets)
  })
}
