# The tags of the resources, on each that takes them.

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
