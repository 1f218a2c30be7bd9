# The schedule on which the function reconciles.

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


run "every_five_minutes_by_a_role_that_can_do_nothing_else" {
  command = plan

  assert {
    condition     = aws_scheduler_schedule.reconcile.schedule_expression == "rate(5 minutes)"
    error_message = "The function must reconcile every five minutes."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.flexible_time_window[0].mode == "OFF"
    error_message = "A reconciliation must not be delayed."
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.reconcile.target[0].input) == { action = "reconcile" }
    error_message = "The schedule must send the reconcile event."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.target[0].retry_policy[0].maximum_event_age_in_seconds == 300
    error_message = "A failed invocation must not be retried after the next one is due."
  }

  assert {
    condition = jsonencode({
      for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Sid => {
        actions   = sort(flatten([statement.Action]))
        resources = sort(flatten([statement.Resource]))
      }
      }) == jsonencode({
      Invoke = {
        actions   = ["lambda:InvokeFunction"]
        resources = ["arn:aws:lambda:eu-west-1:123456789012:function:kinesis-autoscaler"]
      }
    })
    error_message = "The schedule's role must have exactly one permission."
  }

  assert {
    condition = jsonencode(jsondecode(data.aws_iam_policy_document.schedule_trust.json).Statement) == jsonencode([{
      Action = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/kinesis-autoscaler" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Sid       = "Scheduler"
    }])
    error_message = "Only the schedules of this autoscaler's own group may assume the role."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.group_name == "kinesis-autoscaler" && jsonencode(jsondecode(aws_iam_role_policy.schedule.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.schedule.json))
    error_message = "The schedule must be in that group, and the role must have this policy."
  }
}

run "every_minute_is_singular" {
  command = plan

  variables {
    reconcile_interval_minutes = 1
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.reconcile.target[0].retry_policy[0].maximum_event_age_in_seconds == 60
    error_message = "EventBridge Scheduler requires the singular: rate(1 minute)."
  }
}
