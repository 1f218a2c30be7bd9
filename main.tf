# How events reach the function: alarms publish to the topic, which invokes it, and a schedule invokes it to reconcile.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_service_principal" "this" {
  for_each = toset(["cloudwatch", "lambda", "scheduler"])

  service_name = each.key
}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  # `id` is the region's name in versions 5 and 6 of the provider; `name` is deprecated in version 6.
  region = data.aws_region.current.id

  # Policies and resources must use the same names.
  audit_table_name       = "${var.name}-audit"
  dead_letter_queue_name = "${var.name}-dead-letter"
  log_group_name         = "/aws/lambda/${var.name}"
}

# ----------------------------------------------------------------------------------------------------------------------
# Alarm notifications
# ----------------------------------------------------------------------------------------------------------------------

resource "aws_sns_topic" "this" {
  name         = var.name
  display_name = "Kinesis autoscaler"

  # CloudWatch alarms cannot publish to a topic with an AWS managed key (the policy of alias/aws/sns does not allow it),
  # so the topic is encrypted with the caller's key or not at all. Messages contain alarm names and metric values, but
  # no stream data.
  kms_master_key_id = var.kms_key_arn

  tags = var.tags
}

resource "aws_sns_topic_policy" "this" {
  arn    = aws_sns_topic.this.arn
  policy = data.aws_iam_policy_document.topic.json
}

resource "aws_sns_topic_subscription" "function" {
  topic_arn = aws_sns_topic.this.arn
  protocol  = "lambda"
  endpoint  = aws_lambda_function.this.arn

  # Until SNS may invoke the function, it refuses the subscription or drops the first messages.
  depends_on = [aws_lambda_permission.topic]
}

resource "aws_lambda_permission" "topic" {
  statement_id  = "AlarmNotifications"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "sns.amazonaws.com" # in every partition; it can't be changed, so it comes from no data source
  source_arn    = aws_sns_topic.this.arn
}

# ----------------------------------------------------------------------------------------------------------------------
# Reconciliation
# ----------------------------------------------------------------------------------------------------------------------

# A separate group, because the trust policy of a schedule's role can be limited to a group but not to one schedule.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "reconcile" {
  #checkov:skip=CKV_AWS_297:The schedule's input is the constant {"action":"reconcile"}; there is nothing in it to protect.
  name        = "${var.name}-reconcile"
  group_name  = aws_scheduler_schedule_group.this.name
  description = "Lets the Kinesis autoscaler complete interrupted work and correct its alarms."

  schedule_expression = (
    var.reconcile_interval_minutes == 1 ? "rate(1 minute)" : "rate(${var.reconcile_interval_minutes} minutes)"
  )

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule.arn
    input    = jsonencode({ action = "reconcile" })

    # A reconcile that cannot be delivered is not needed after the next one.
    retry_policy {
      maximum_event_age_in_seconds = var.reconcile_interval_minutes * 60
      maximum_retry_attempts       = 3
    }
  }

  depends_on = [aws_iam_role_policy.schedule]
}
