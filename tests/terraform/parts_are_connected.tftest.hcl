# The references between the resources. They are applied, because a plan does not know the ARNs, and to a mock, because there is no
# AWS. The other files test the real policies.

mock_provider "aws" {
  source = "./tests/terraform/mocks"
}

run "every_part_refers_to_the_right_one" {
  assert {
    condition     = aws_sns_topic_subscription.function.protocol == "lambda" && aws_sns_topic_subscription.function.topic_arn == aws_sns_topic.this.arn && aws_sns_topic_subscription.function.endpoint == aws_lambda_function.this.arn
    error_message = "The topic must invoke the function."
  }

  assert {
    condition     = aws_lambda_permission.topic.function_name == aws_lambda_function.this.function_name && aws_lambda_permission.topic.principal == "sns.amazonaws.com" && aws_lambda_permission.topic.source_arn == aws_sns_topic.this.arn
    error_message = "Only this topic may invoke the function."
  }

  assert {
    condition     = aws_sns_topic_policy.this.arn == aws_sns_topic.this.arn
    error_message = "The topic must have its policy."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.target[0].arn == aws_lambda_function.this.arn && aws_scheduler_schedule.reconcile.target[0].role_arn == aws_iam_role.schedule.arn
    error_message = "The schedule must invoke the function, with its own role."
  }

  assert {
    condition     = aws_lambda_function.this.role == aws_iam_role.function.arn
    error_message = "The function must have its role."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.function_name == aws_lambda_function.this.function_name && aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == aws_sqs_queue.dead_letter.arn
    error_message = "Failed events must go to the dead-letter queue."
  }

  assert {
    condition     = length(aws_dynamodb_table.audit.server_side_encryption) == 0
    error_message = "Without the caller's key, DynamoDB must use the key that AWS owns, at no cost."
  }

  assert {
    condition = [
      output.topic_arn,
      output.function_name,
      output.function_arn,
      output.role_arn,
      output.audit_table_name,
      output.audit_table_arn,
      output.dead_letter_queue_arn,
      output.log_group_name,
      output.alarm_name_prefix,
      ] == [
      aws_sns_topic.this.arn,
      aws_lambda_function.this.function_name,
      aws_lambda_function.this.arn,
      aws_iam_role.function.arn,
      aws_dynamodb_table.audit.name,
      aws_dynamodb_table.audit.arn,
      aws_sqs_queue.dead_letter.arn,
      aws_cloudwatch_log_group.function.name,
      "kinesis-autoscaler",
    ]
    error_message = "Each output must have the value that its name says."
  }

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
}

run "a_stream_takes_the_root_module_whole" {
  module {
    source = "./examples/simple"
  }

  assert {
    condition = alltrue([
      for name in ["orders", "clicks"] : strcontains(output.scaling_log_commands[name], "--table-name ${output.audit_table_name} ")
    ])
    error_message = "The scaling log of every stream is in the autoscaler's table."
  }
}
