# `alarm_actions`, `health_alarms_enabled`, and what the health alarms watch.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}

run "none_on_request" {
  command = plan

  variables {
    health_alarms_enabled = false
    alarm_actions         = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.health) == 0 && length(output.health_alarm_arns) == 0
    error_message = "There must be no health alarms."
  }

  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget if widget.type == "alarm"]) == 0
    error_message = "The dashboard must not show alarms that do not exist."
  }
}

run "people_are_told_of_each_and_no_incident_is_opened_for_a_recovery" {
  command = plan

  variables {
    alarm_actions = [
      "arn:aws:sns:eu-west-1:123456789012:on-call",
      "arn:aws:ssm-incidents::123456789012:response-plan/streams",
    ]
    tags = { Team = "streams" }
  }

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.health : alarm.alarm_name]) == toset([
      for name in ["at-maximum", "dead-letters", "failures", "function-errors", "function-throttles", "no-reconcile", "quota-exhausted"] :
      "kinesis-autoscaler-health-${name}"
    ])
    error_message = "Every kind of failure must have its alarm."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : alarm.alarm_actions == toset(var.alarm_actions)])
    error_message = "Everything given must be notified when an alarm starts."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : alarm.ok_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"])])
    error_message = "People must be notified when it ends, and no incident opened for a recovery."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.health : endswith(alarm.alarm_description, "docs/operations.md#${name}")])
    error_message = "An alarm must name its section of the runbook."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.health : alarm.treat_missing_data == (name == "no-reconcile" ? "breaching" : "notBreaching")])
    error_message = "Missing data must be breaching in one alarm only."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : alarm.tags == tomap({ Team = "streams" })])
    error_message = "Alarms must have the caller's tags."
  }

  assert {
    condition = sort(one([
      for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : widget.properties.alarms if widget.type == "alarm"
      ])) == sort([
      for alarm in aws_cloudwatch_metric_alarm.health : "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:${alarm.alarm_name}"
    ])
    error_message = "The dashboard must show exactly these alarms."
  }
}

run "a_rare_reconcile_is_waited_for" {
  command = plan

  variables {
    alarm_actions              = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
    reconcile_interval_minutes = 17
  }

  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.health["no-reconcile"].metric_query : query.metric[0].period if query.id == "reported"]) == 1200 && aws_cloudwatch_metric_alarm.health["no-reconcile"].evaluation_periods == 3
    error_message = "A period must be long enough for a reconcile."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.health["no-reconcile"].alarm_description, "for 60 minutes")
    error_message = "The description must contain this duration."
  }
}

run "refuses_more_than_cloudwatch_takes" {
  command = plan

  variables {
    alarm_actions = [for number in range(6) : "arn:aws:sns:eu-west-1:123456789012:on-call-${number}"]
  }

  expect_failures = [var.alarm_actions]
}

run "refuses_the_autoscalers_own_topic" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"]
  }

  expect_failures = [var.alarm_actions]
}
