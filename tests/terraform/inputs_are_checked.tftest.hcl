# Every rule for the inputs of the root module: values on its edge pass, a value beyond it is refused, and nothing else is.

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

run "accepts_the_least" {
  command = plan

  variables {
    name                           = "k"
    stream_arns                    = ["arn:aws:kinesis:eu-west-1:123456789012:stream/o"]
    reconcile_interval_minutes     = 1
    audit_retention_days           = 2
    log_retention_days             = 1
    log_level                      = "ERROR"
    consumer_function_arns         = []
    reserved_concurrent_executions = 1
  }

  assert {
    condition     = aws_lambda_function.this.function_name == var.name
    error_message = "Valid inputs have to make a function."
  }
}

run "accepts_the_most" {
  command = plan

  variables {
    name                           = join("", [for number in range(40) : "k"])
    stream_arns                    = ["arn:aws:kinesis:eu-west-1:123456789012:stream/prod-*", "arn:aws:kinesis:eu-west-1:123456789012:stream/Orders_2.eu"]
    reconcile_interval_minutes     = 60
    audit_retention_days           = 3650
    log_retention_days             = 3653
    log_level                      = "WARN"
    notification_topic_arn         = "arn:aws:sns:eu-west-1:123456789012:Platform_1"
    consumer_function_arns         = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-*"]
    kms_key_arn                    = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
    permissions_boundary_arn       = "arn:aws:iam::aws:policy/PowerUserAccess"
    reserved_concurrent_executions = 1000
  }

  assert {
    condition     = aws_lambda_function.this.function_name == var.name
    error_message = "Valid inputs have to make a function."
  }
}

run "accepts_logs_for_ever" {
  command = plan

  variables {
    log_retention_days = 0
    log_level          = "DEBUG"
  }

  assert {
    condition     = aws_lambda_function.this.function_name == var.name
    error_message = "Valid inputs have to make a function."
  }
}

run "refuses_a_name_that_role_names_have_no_room_for" {
  command = plan

  variables {
    name = join("", [for number in range(41) : "k"])
  }

  expect_failures = [var.name]
}

run "refuses_an_empty_name" {
  command = plan

  variables {
    name = ""
  }

  expect_failures = [var.name]
}

run "refuses_a_name_with_a_dot" {
  command = plan

  variables {
    name = "kinesis.autoscaler"
  }

  expect_failures = [var.name]
}

run "refuses_a_name_that_begins_with_a_digit" {
  command = plan

  variables {
    name = "1-autoscaler"
  }

  expect_failures = [var.name]
}

run "refuses_an_empty_list_of_streams" {
  command = plan

  variables {
    stream_arns = []
  }

  expect_failures = [var.stream_arns]
}

run "refuses_stream_names_for_their_arns" {
  command = plan

  variables {
    stream_arns = ["orders"]
  }

  expect_failures = [var.stream_arns]
}

run "refuses_arns_of_something_else_than_streams" {
  command = plan

  variables {
    stream_arns = ["arn:aws:firehose:eu-west-1:123456789012:deliverystream/orders"]
  }

  expect_failures = [var.stream_arns]
}

run "refuses_to_reconcile_without_pause" {
  command = plan

  variables {
    reconcile_interval_minutes = 0
  }

  expect_failures = [var.reconcile_interval_minutes]
}

run "refuses_to_reconcile_less_than_hourly" {
  command = plan

  variables {
    reconcile_interval_minutes = 61
  }

  expect_failures = [var.reconcile_interval_minutes]
}

run "refuses_to_reconcile_at_part_of_a_minute" {
  command = plan

  variables {
    reconcile_interval_minutes = 1.5
  }

  expect_failures = [var.reconcile_interval_minutes]
}

run "refuses_records_too_short_lived_for_the_quota" {
  command = plan

  variables {
    audit_retention_days = 1
  }

  expect_failures = [var.audit_retention_days]
}

run "refuses_records_of_more_than_ten_years" {
  command = plan

  variables {
    audit_retention_days = 3651
  }

  expect_failures = [var.audit_retention_days]
}

run "refuses_records_of_part_of_a_day" {
  command = plan

  variables {
    audit_retention_days = 2.5
  }

  expect_failures = [var.audit_retention_days]
}

run "refuses_a_log_retention_that_cloudwatch_lacks" {
  command = plan

  variables {
    log_retention_days = 10
  }

  expect_failures = [var.log_retention_days]
}

run "refuses_an_unknown_log_level" {
  command = plan

  variables {
    log_level = "VERBOSE"
  }

  expect_failures = [var.log_level]
}

run "refuses_a_notification_topic_by_name" {
  command = plan

  variables {
    notification_topic_arn = "platform"
  }

  expect_failures = [var.notification_topic_arn]
}

run "refuses_a_fifo_notification_topic" {
  command = plan

  variables {
    notification_topic_arn = "arn:aws:sns:eu-west-1:123456789012:platform.fifo"
  }

  expect_failures = [var.notification_topic_arn]
}

run "refuses_a_consumer_by_name" {
  command = plan

  variables {
    consumer_function_arns = ["orders-consumer"]
  }

  expect_failures = [var.consumer_function_arns]
}

run "refuses_a_version_of_a_consumer" {
  command = plan

  variables {
    consumer_function_arns = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-consumer:7"]
  }

  expect_failures = [var.consumer_function_arns]
}

run "refuses_a_reserve_of_no_concurrency" {
  command = plan

  variables {
    reserved_concurrent_executions = 0
  }

  expect_failures = [var.reserved_concurrent_executions]
}

run "refuses_a_reserve_of_part_of_an_execution" {
  command = plan

  variables {
    reserved_concurrent_executions = 1.5
  }

  expect_failures = [var.reserved_concurrent_executions]
}

run "refuses_the_alias_of_a_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/autoscaler"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_the_id_of_a_key" {
  command = plan

  variables {
    kms_key_arn = "1234abcd-12ab-34cd-56ef-1234567890ab"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_a_role_for_a_boundary" {
  command = plan

  variables {
    permissions_boundary_arn = "arn:aws:iam::123456789012:role/boundary"
  }

  expect_failures = [var.permissions_boundary_arn]
}
