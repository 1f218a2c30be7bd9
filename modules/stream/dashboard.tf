# The stream's dashboard. It shows usage by the expressions of the alarms themselves, with one difference: they hold the
# number of shards as a literal, and the dashboard takes it from the metric that the function reports. So it is right for
# the past too, and a scaling leaves nothing to plan.

locals {
  graph     = { region = local.region, view = "timeSeries", stacked = false, period = 60, stat = "Sum", yAxis = { left = { min = 0 } } }
  of_stream = ["StreamName", local.stream_name]

  # The function reports the count when it changes, and every six hours; until the next time it stays what it was.
  reported_shard_count = concat(["KinesisAutoscaler", "ShardCount"], local.of_stream, [{ id = "reported", stat = "Maximum", visible = false }])
  shard_count          = { id = "shardCount", expression = "FILL(reported, REPEAT)", visible = false }

  usage_graphs = [
    {
      x           = 0
      title       = "Usage, as the scale-up alarm sees it"
      label       = "usage"
      period      = var.scale_up.period_seconds
      metrics     = local.scale_up_metrics
      expressions = local.scale_up_expressions
      threshold   = { label = "scales up", value = var.scale_up.threshold, color = "#1b8a5a", fill = "above" }
    },
    {
      x           = 12
      title       = "Usage, as the scale-down alarm sees it"
      label       = "usage, plus 1 at the minimum, minus 1 above the maximum"
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

  # What arrives or is read, and what the open shards take of it in a second.
  traffic_graphs = [
    { x = 0, title = "Bytes written, MiB a second", metric = "IncomingBytes", unit = 1024 * 1024, per_shard = local.shard_write_bytes },
    { x = 8, title = "Records written a second", metric = "IncomingRecords", unit = 1, per_shard = local.shard_write_records },
    { x = 16, title = "Bytes read without fan-out, MB a second", metric = "GetRecords.Bytes", unit = 1000 * 1000, per_shard = local.shard_read_bytes },
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
        # Links within the console are relative, and so the same in every partition.
        markdown = join("\n", [
          "## ${local.stream_name}",
          "${var.min_shard_count} to ${var.max_shard_count} shards · [alarms](#alarmsV2:?search=${var.autoscaler.alarm_name_prefix}/${local.stream_name}/) · [fleet](#dashboards:name=${var.autoscaler.alarm_name_prefix}) · audit table `${var.autoscaler.audit_table_name}`",
          "",
          "Why it was scaled, and why not: the module's output `scaling_log_command`. What to do: `docs/operations.md`.",
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
        title = "What is a worry: the first of each day, by reason", stacked = true, period = 900
        metrics = [[{
          expression = "FILL(SEARCH('{KinesisAutoscaler,StreamName,Reason} StreamName=\"${local.stream_name}\" MetricName=\"Skips\"', 'Sum', 900), 0)"
          label      = "$${PROP('Dim.Reason')}"
        }]]
      })
    },
    {
      type = "metric", x = 0, y = 21, width = 8, height = 6
      properties = merge(local.graph, {
        title = "Throttled"
        metrics = [
          concat(["AWS/Kinesis", "WriteProvisionedThroughputExceeded"], local.of_stream, [{ label = "records refused", color = "#d62839" }]),
          concat(["AWS/Kinesis", "ReadProvisionedThroughputExceeded"], local.of_stream, [{ label = "reads refused", color = "#7b5ea7" }]),
        ]
      })
    },
    {
      type = "metric", x = 8, y = 21, width = 8, height = 6
      properties = merge(local.graph, {
        title = "Minutes that consumers are behind"
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
        title = "Changes of the shard count left today"
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
          [{ expression = "shardCount * ${var.consumer_functions[name]}", label = "concurrency for the open shards", color = "#1f3b57" }],
          ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", name, { label = "in use", color = "#1f77b4", stat = "Maximum" }],
          ["AWS/Lambda", "Throttles", "FunctionName", name, { label = "throttles", color = "#d62839", yAxis = "right" }],
        ]
      })
    }
  ]

  # What came is known of every minute. What was expected the function reports every six hours, like the shard count: all
  # forecasts, one an hour, are in its log.
  forecast_widgets = [
    for title in ["Demand in shards, and the highest that the last days let expect of an hour"] : {
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
            concat(["KinesisAutoscaler", "ExpectedShards"], local.of_stream, [{ label = "expected within the hour", color = "#e07b00", stat = "Maximum" }]),
          ],
        )
      })
    } if var.foresight != "off"
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.enabled && var.dashboard_enabled ? 1 : 0

  # A dashboard's name may have neither slashes nor periods. The digits tell streams apart whose names differ in nothing else.
  dashboard_name = join("-", [
    var.autoscaler.alarm_name_prefix,
    replace(local.stream_name, ".", "_"),
    substr(sha256("${var.autoscaler.alarm_name_prefix}/${local.stream_name}"), 0, 8),
  ])
  dashboard_body = jsonencode({
    start = "-P1D"
    # The alarms' expressions hold for their periods alone, so a graph keeps its period whatever the time range.
    periodOverride = "inherit"
    widgets        = concat(local.stream_widgets, local.traffic_widgets, local.usage_widgets, local.consumer_widgets, local.forecast_widgets)
  })
}
