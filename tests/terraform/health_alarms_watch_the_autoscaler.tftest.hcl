# `alarm_actions`, given and not, and what the health alarms watch.

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

run "by_default_they_are_there_and_tell_nobody" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.health) == 7 && alltrue([for alarm in aws_cloudwatch_metric_alarm.health : length(coalesce(alarm.alarm_actions, toset([]))) == 0])
    error_message = "The dashboard must show the health alarms even if they notify nobody."
  }
}

run "people_are_told_of_each" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
    tags          = { Team = "streams" }
  }

  assert {
    condition = toset([for alarm in aws_cloudwatch_metric_alarm.health : alarm.alarm_name]) == toset([
      for name in ["at-maximum", "dead-letters", "failures", "function-errors", "function-throttles", "no-reconcile", "quota-exhausted"] :
      "kinesis-autoscaler-health-${name}"
    ])
    error_message = "Every kind of failure must have its alarm."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"]) && alarm.ok_actions == alarm.alarm_actions])
    error_message = "People must be notified when an alarm starts and ends."
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

run "an_incident_is_not_opened_for_a_recovery" {
  command = plan

  variables {
    alarm_actions = [
      "arn:aws:sns:eu-west-1:123456789012:on-call",
      "arn:aws:ssm-incidents::123456789012:response-plan/streams",
    ]
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : length(alarm.alarm_actions) == 2 && alarm.ok_actions == toset(["arn:aws:sns:eu-west-1:123456789012:on-call"])])
    error_message = "Only topics must be notified of a recovery."
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

run "fifteen_minutes_by_default" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:on-call"]
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.health["no-reconcile"].alarm_description, "for 15 minutes")
    error_message = "With a reconcile every five minutes, a quarter of an hour without one is too long."
  }
}

run "refuses_what_is_no_arn" {
  command = plan

  variables {
    alarm_actions = ["on-call"]
  }

  expect_failures = [var.alarm_actions]
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

run "accepts_another_accounts_topic_that_has_the_autoscalers_name" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:210987654321:kinesis-autoscaler", "arn:aws:lambda:eu-west-1:123456789012:function:kinesis-autoscaler"]
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : length(alarm.alarm_actions) == 2])
    error_message = "CloudWatch notifies another account's topics."
  }
}

run "refuses_what_is_in_another_region" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:us-east-1:123456789012:on-call"]
  }

  expect_failures = [var.alarm_actions]
}
