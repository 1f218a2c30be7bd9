# The names and tags of the resources.

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

run "tags_are_on_everything_that_takes_them" {
  command = plan

  variables {
    tags = { Team = "streams" }
  }

  assert {
    condition = alltrue([
      for tags in [
        aws_sns_topic.this.tags,
        aws_lambda_function.this.tags,
        aws_cloudwatch_log_group.function.tags,
        aws_sqs_queue.dead_letter.tags,
        aws_dynamodb_table.audit.tags,
        aws_iam_role.function.tags,
        aws_iam_role.schedule.tags,
        aws_scheduler_schedule_group.this.tags,
      ] : tags == tomap({ Team = "streams" })
    ])
    error_message = "Every resource must have the caller's tags."
  }
}

run "no_tags_and_telling_names_by_default" {
  command = plan

  assert {
    condition = alltrue([
      for tags in [
        aws_sns_topic.this.tags,
        aws_lambda_function.this.tags,
        aws_cloudwatch_log_group.function.tags,
        aws_sqs_queue.dead_letter.tags,
        aws_dynamodb_table.audit.tags,
        aws_iam_role.function.tags,
        aws_iam_role.schedule.tags,
        aws_scheduler_schedule_group.this.tags,
      ] : length(coalesce(tags, {})) == 0
    ])
    error_message = "No resource may have other tags."
  }

  assert {
    condition     = aws_iam_role.function.name_prefix == "kinesis-autoscaler-function-" && aws_iam_role.schedule.name_prefix == "kinesis-autoscaler-schedule-"
    error_message = "Role names are unique in an account, so they must have a suffix that differs between regions."
  }
}

run "names_fit_their_limits" {
  command = plan

  variables {
    name = join("", [for number in range(40) : "n"])
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role.function, aws_iam_role.schedule] : length(role.name_prefix) <= 64 - 26])
    error_message = "IAM allows role names of 64 characters, of which the provider takes 26."
  }

  assert {
    condition     = length(aws_scheduler_schedule.reconcile.name) <= 64 && length(aws_lambda_function.this.function_name) <= 64
    error_message = "Lambda and EventBridge Scheduler allow names of 64 characters."
  }
}
