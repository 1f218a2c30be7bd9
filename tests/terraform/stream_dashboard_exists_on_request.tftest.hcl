# `dashboard_enabled` of modules/stream. tests/integration/test_monitoring.py tests that its metrics exist and that its expressions
# compute the same as the alarms.

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

# Values in the dashboard that only AWS knows.
override_resource {
  target          = aws_cloudwatch_metric_alarm.scale_up
  values          = { arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:kinesis-autoscaler/orders/scale-up" }
  override_during = plan
}

override_resource {
  target          = aws_cloudwatch_metric_alarm.scale_down
  values          = { arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:kinesis-autoscaler/orders/scale-down" }
  override_during = plan
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

run "none_by_default" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0 && output.dashboard_name == null
    error_message = "A dashboard costs as much as the alarms of several streams, so it must be disabled by default."
  }
}

run "one_on_request" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    dashboard_enabled = true
  }

  assert {
    condition     = output.dashboard_name == "kinesis-autoscaler-orders-5d7b09ae"
    error_message = "A stream's dashboard is named like its alarms."
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "\"expression\":\"3\"")
    error_message = "The dashboard must not contain the shard count. Otherwise a plan would show changes after every scaling."
  }

  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget if startswith(try(widget.properties.title, ""), "Consumer ")]) == 0
    error_message = "Without consumers there are no graphs of them."
  }
}

run "consumers_have_a_graph_each" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    dashboard_enabled  = true
    consumer_functions = { billing = 1, archive = 2, search = 1, audit = 3 }
  }

  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.properties.title if startswith(try(widget.properties.title, ""), "Consumer ")] == ["Consumer archive", "Consumer audit", "Consumer billing", "Consumer search"]
    error_message = "Every consumer must be shown."
  }

  assert {
    condition     = [for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : "${widget.x} ${widget.y}" if startswith(try(widget.properties.title, ""), "Consumer ")] == ["0 27", "8 27", "16 27", "0 33"]
    error_message = "A row must have three graphs."
  }
}

run "thresholds_are_drawn" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    dashboard_enabled        = true
    target_utilization       = 0.7
    scale_up                 = { threshold = 0.8 }
    scale_down               = { threshold = 0.25 }
    max_iterator_age_minutes = 12
  }

  assert {
    condition     = sort(flatten([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : [for line in try(widget.properties.annotations.horizontal, []) : tostring(line.value)]])) == tolist(["0.25", "0.8", "12"])
    error_message = "Every threshold must be drawn on its graph."
  }
}

run "consumers_that_do_not_count_have_no_limit" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    dashboard_enabled        = true
    max_iterator_age_minutes = null
  }

  assert {
    condition     = one([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.properties.annotations.horizontal if try(widget.properties.title, "") == "Iterator age in minutes"]) == []
    error_message = "Without a limit, none must be drawn."
  }
}

run "a_stream_with_periods_in_its_name_has_one_too" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn        = "arn:aws:kinesis:eu-west-1:123456789012:stream/prod.orders.v2"
    dashboard_enabled = true
  }

  assert {
    condition     = output.dashboard_name == "kinesis-autoscaler-prod_orders_v2-2ccfe574"
    error_message = "CloudWatch allows no periods in the names of dashboards."
  }
}

run "streams_whose_names_differ_in_a_period_have_dashboards_of_their_own" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    stream_arn        = "arn:aws:kinesis:eu-west-1:123456789012:stream/prod_orders.v2"
    dashboard_enabled = true
  }

  assert {
    condition     = startswith(output.dashboard_name, "kinesis-autoscaler-prod_orders_v2-") && output.dashboard_name != run.a_stream_with_periods_in_its_name_has_one_too.dashboard_name
    error_message = "Dashboards of different streams must have different names."
  }
}

run "none_where_the_stream_is_not_scaled" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    enabled           = false
    dashboard_enabled = true
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0
    error_message = "A stream that is not scaled must have no dashboard."
  }
}
