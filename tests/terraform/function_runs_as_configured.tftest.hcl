# The function: its code, its settings, its logs, and the events that it cannot handle.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

run "by_default" {
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      ALARM_NAME_PREFIX    = "kinesis-autoscaler"
      AUDIT_RETENTION_DAYS = "365"
      AUDIT_TABLE_NAME     = "kinesis-autoscaler-audit"
      DRY_RUN              = "false"
      TOPIC_ARN            = aws_sns_topic.this.arn
    })
    error_message = "The function's environment must contain exactly these variables, and no notification topic."
  }

  assert {
    condition     = aws_lambda_function.this.handler == "kinesis_autoscaler.handler.handler" && aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function must run the package, on the runtime that it is tested for."
  }

  assert {
    condition     = endswith(aws_lambda_function.this.filename, "lambda/package.zip") && aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/package.zip")
    error_message = "The function's code must be the package, and change with it."
  }

  assert {
    condition     = aws_lambda_function.this.timeout == 900
    error_message = "The function must have Lambda's maximum timeout."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.logging_config[0].application_log_level == "INFO" && aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.function.name
    error_message = "The function must log JSON to its own group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.name == "/aws/lambda/kinesis-autoscaler" && aws_cloudwatch_log_group.function.retention_in_days == 365
    error_message = "Logs must be kept for a year."
  }
}

run "as_given" {
  variables {
    name                   = "staging"
    dry_run                = true
    audit_retention_days   = 30
    log_retention_days     = 7
    log_level              = "DEBUG"
    notification_topic_arn = "arn:aws:sns:eu-west-1:123456789012:platform"
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["NOTIFICATION_TOPIC_ARN"] == var.notification_topic_arn
    error_message = "The function must know the notification topic."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["DRY_RUN"] == "true"
    error_message = "dry_run must reach the function."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["AUDIT_RETENTION_DAYS"] == "30"
    error_message = "Audit records must expire after the given number of days."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["ALARM_NAME_PREFIX"] == "staging" && aws_lambda_function.this.environment[0].variables["AUDIT_TABLE_NAME"] == "staging-audit"
    error_message = "The function must know its name and its table."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 7 && aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "The log level and retention must be the given ones."
  }
}

run "failed_events_are_retried_and_kept" {
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 21600
    error_message = "Events must be retried as often and as long as Lambda allows."
  }

  assert {
    condition     = length(aws_lambda_function_event_invoke_config.this.destination_config[0].on_success) == 0
    error_message = "Successful events must have no destination."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 14 * 24 * 3600
    error_message = "The queue must keep failed events for SQS's maximum time."
  }
}
