# `kms_key_arn`.

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

run "with_a_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.kms_key_arn
    error_message = "The key must encrypt the topic."
  }

  assert {
    condition     = one(aws_dynamodb_table.audit.server_side_encryption).enabled && one(aws_dynamodb_table.audit.server_side_encryption).kms_key_arn == var.kms_key_arn
    error_message = "The key must encrypt the audit table."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.kms_master_key_id == var.kms_key_arn
    error_message = "The key must encrypt the dead-letter queue."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.kms_key_id == var.kms_key_arn
    error_message = "The key must encrypt the logs."
  }

  assert {
    condition     = aws_lambda_function.this.kms_key_arn == var.kms_key_arn
    error_message = "The key must encrypt the function's environment."
  }
}
