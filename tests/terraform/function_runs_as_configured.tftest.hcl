# The function: its code, its settings, its logs, and what becomes of events that it fails on.

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
    error_message = "This is what the function reads its settings from: nothing more, and nobody to notify."
  }

  assert {
    condition     = aws_lambda_function.this.handler == "kinesis_autoscaler.handler.handler" && aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function has to run what is in the package, on the runtime that it is tested for."
  }

  assert {
    condition     = endswith(aws_lambda_function.this.filename, "lambda/package.zip") && aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/package.zip")
    error_message = "The function's code has to be the package, and change with it."
  }

  assert {
    condition     = aws_lambda_function.this.timeout == 900
    error_message = "The function has to have all the time that Lambda gives, to see a scaling through."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.logging_config[0].application_log_level == "INFO" && aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.function.name
    error_message = "The function has to log JSON to its own group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.name == "/aws/lambda/kinesis-autoscaler" && aws_cloudwatch_log_group.function.retention_in_days == 365
    error_message = "Logs have to be kept for a year."
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
    error_message = "The function has to know whom to notify."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["DRY_RUN"] == "true"
    error_message = "A dry run has to be one."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["AUDIT_RETENTION_DAYS"] == "30"
    error_message = "Audit records have to expire as asked."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["ALARM_NAME_PREFIX"] == "staging" && aws_lambda_function.this.environment[0].variables["AUDIT_TABLE_NAME"] == "staging-audit"
    error_message = "The function has to know its name and its table."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.retention_in_days == 7 && aws_lambda_function.this.logging_config[0].application_log_level == "DEBUG"
    error_message = "Logs have to be written and kept as asked."
  }
}

run "failed_events_are_retried_and_kept" {
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 21600
    error_message = "Events have to be retried as often and as long as Lambda allows."
  }

  assert {
    condition     = length(aws_lambda_function_event_invoke_config.this.destination_config[0].on_success) == 0
    error_message = "What succeeds must go nowhere."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 14 * 24 * 3600
    error_message = "The queue has to keep what failed as long as SQS can."
  }
}
