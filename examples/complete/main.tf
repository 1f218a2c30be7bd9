provider "aws" {
  region = var.region
}

locals {
  tags = {
    Service = "data-platform"
    Example = "complete"
  }
}

module "kinesis_autoscaler" {
  source = "../.."

  name        = var.name
  stream_arns = [aws_kinesis_stream.orders.arn]

  kms_key_arn              = aws_kms_key.autoscaler.arn
  permissions_boundary_arn = var.permissions_boundary_arn
  notification_topic_arn   = aws_sns_topic.notifications.arn
  alarm_actions            = [aws_sns_topic.notifications.arn]
  consumer_function_arns   = [local.consumer_function_arn]

  reconcile_interval_minutes = 2
  audit_retention_days       = 730
  log_retention_days         = 731
  log_level                  = "INFO"

  tags = local.tags
}

# ----------------------------------------------------------------------------------------------------------------------
# The stream and its scaling
# ----------------------------------------------------------------------------------------------------------------------

resource "aws_kinesis_stream" "orders" {
  name        = "${var.name}-orders"
  shard_count = 2

  encryption_type  = "KMS"
  kms_key_id       = aws_kms_key.autoscaler.arn
  retention_period = 48

  # After the first apply, the autoscaler manages the number of shards.
  lifecycle {
    ignore_changes = [shard_count]
  }
}

module "orders_scaling" {
  source = "../../modules/stream"

  autoscaler = module.kinesis_autoscaler
  stream_arn = aws_kinesis_stream.orders.arn

  min_shard_count    = 2
  max_shard_count    = 64
  scaling_strategy   = "target"
  target_utilization = 0.55

  scale_up = {
    threshold           = 0.7
    period_seconds      = 60
    evaluation_periods  = 5
    datapoints_to_alarm = 3
    cooldown_minutes    = 5
  }
  scale_down = {
    threshold           = 0.3
    period_seconds      = 300
    evaluation_periods  = 36
    datapoints_to_alarm = 34
    cooldown_minutes    = 120
  }
  calls_reserved_for_scale_up = 5

  scale_on_throttling      = true
  scale_on_reads           = true
  max_iterator_age_minutes = 15
  consumer_functions       = { (var.consumer_function_name) = 2 }
  dashboard_enabled        = true

  tags = local.tags
}

# ----------------------------------------------------------------------------------------------------------------------
# The consumer, which is deployed elsewhere, and the topics that notify people
# ----------------------------------------------------------------------------------------------------------------------

locals {
  consumer_function_arn = "arn:${local.partition}:lambda:${var.region}:${local.account_id}:function:${var.consumer_function_name}"
}

# Encrypted with the autoscaler's key, which its function may use. A separate key would have to allow the function's
# role.
resource "aws_sns_topic" "notifications" {
  name              = "${var.name}-notifications"
  kms_master_key_id = aws_kms_key.autoscaler.arn
  tags              = local.tags
}

resource "aws_sns_topic_subscription" "email" {
  count = var.notification_email == null ? 0 : 1

  topic_arn = aws_sns_topic.notifications.arn
  protocol  = "email"
  endpoint  = var.notification_email
}
