# The function that scales every stream, and its log group, retries and dead-letter queue.

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Every action is in the audit table and the JSON logs; tracing would add cost and permissions, not knowledge.
  #checkov:skip=CKV_AWS_116:Failed asynchronous events go to the queue by aws_lambda_function_event_invoke_config, which sends more context than dead_letter_config.
  #checkov:skip=CKV_AWS_272:The package is checked in and its hash is part of every plan; code signing needs a signing profile of the caller's.
  #checkov:skip=CKV_AWS_117:The function calls AWS APIs only; inside a VPC it needs endpoints or a NAT gateway to reach them. vpc_config is for those who must.
  function_name = var.name
  description   = "Scales Kinesis data streams when their alarms fire, and reconciles alarms and audit records."
  role          = aws_iam_role.function.arn

  filename         = "${path.module}/lambda/package.zip"
  source_code_hash = filebase64sha256("${path.module}/lambda/package.zip")
  handler          = "kinesis_autoscaler.handler.handler"
  runtime          = "python3.13"
  architectures    = [var.architecture]
  memory_size      = 256
  timeout          = 900

  reserved_concurrent_executions = var.reserved_concurrent_executions
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(
      {
        ALARM_NAME_PREFIX    = var.name
        AUDIT_RETENTION_DAYS = var.audit_retention_days
        AUDIT_TABLE_NAME     = aws_dynamodb_table.audit.name
        DRY_RUN              = var.dry_run
        TOPIC_ARN            = aws_sns_topic.this.arn
      },
      var.notification_topic_arn == null ? {} : { NOTIFICATION_TOPIC_ARN = var.notification_topic_arn },
    )
  }

  dynamic "vpc_config" {
    for_each = var.vpc_config[*]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logging_config {
    log_group             = aws_cloudwatch_log_group.function.name
    log_format            = "JSON"
    application_log_level = var.log_level
    system_log_level      = "INFO"
  }

  tags = var.tags

  # Without its permissions, the function would fail. Its first event may arrive as soon as it exists.
  depends_on = [aws_iam_role_policy.function]
}

# Created before the function, whose role may not create log groups. So the retention and the key always apply.
resource "aws_cloudwatch_log_group" "function" {
  name              = local.log_group_name
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

# Two retries and six hours are Lambda's maximum. A reconcile recovers events that are lost after that. The queue shows
# people which events failed.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letter.arn
    }
  }

  # Lambda refuses a destination to which the function's role may not send.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = local.dead_letter_queue_name
  message_retention_seconds = 1209600 # 14 days, the most that SQS keeps

  # SQS accepts only one of the two arguments; null omits it.
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn

  tags = var.tags
}
