# The inputs that become settings of the function. A plan does not know its environment, so it is applied to a mock.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

run "as_given" {
  variables {
    name                           = "staging"
    dry_run                        = true
    audit_retention_days           = 30
    log_retention_days             = 7
    log_level                      = "DEBUG"
    notification_topic_arn         = "arn:aws:sns:eu-west-1:123456789012:platform"
    reserved_concurrent_executions = 10
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

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 10
    error_message = "The requested concurrency must be reserved."
  }
}
