# The audit table.

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

run "keyed_as_the_function_queries_it_expiring_and_recoverable" {
  command = plan

  assert {
    condition     = aws_dynamodb_table.audit.hash_key == "stream_name" && aws_dynamodb_table.audit.range_key == "event_time"
    error_message = "One item per alarm transition of a stream."
  }

  assert {
    condition = { for index in aws_dynamodb_table.audit.global_secondary_index : index.name => [index.hash_key, index.range_key, index.projection_type] } == {
      "by-date"      = ["event_date", "event_time", "ALL"]
      "open-records" = ["open", "stream_name", "ALL"]
    }
    error_message = "Two indexes: what happened on a day, and what is unfinished."
  }

  assert {
    condition     = toset([for attribute in aws_dynamodb_table.audit.attribute : "${attribute.name}:${attribute.type}"]) == toset(["stream_name:S", "event_time:S", "event_date:S", "open:S"])
    error_message = "Every key is a string."
  }

  assert {
    condition     = aws_dynamodb_table.audit.ttl[0].enabled && aws_dynamodb_table.audit.ttl[0].attribute_name == "expires_at"
    error_message = "Records must expire."
  }

  assert {
    condition     = aws_dynamodb_table.audit.point_in_time_recovery[0].enabled
    error_message = "Records must be recoverable."
  }

  assert {
    condition     = aws_dynamodb_table.audit.billing_mode == "PAY_PER_REQUEST"
    error_message = "A rarely used table must cost almost nothing."
  }
}
