# The rules for the inputs of the root module: values at the limits pass, and only values beyond them are refused.

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
    log_level                      = "DEBUG"
    consumer_function_arns         = []
    reserved_concurrent_executions = 1
  }

  assert {
    condition     = aws_lambda_function.this.function_name == var.name
    error_message = "Valid inputs must create a function."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.reconcile.target[0].retry_policy[0].maximum_event_age_in_seconds == 60
    error_message = "EventBridge Scheduler requires the singular: rate(1 minute)."
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
    log_level                      = "INFO"
    notification_topic_arn         = "arn:aws:sns:eu-west-1:123456789012:Platform_1"
    consumer_function_arns         = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-*"]
    kms_key_arn                    = "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
    permissions_boundary_arn       = "arn:aws:iam::aws:policy/PowerUserAccess"
    reserved_concurrent_executions = 1000
  }

  assert {
    condition     = aws_lambda_function.this.function_name == var.name
    error_message = "Valid inputs must create a function."
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

run "refuses_less_than_the_least" {
  command = plan

  variables {
    name                           = ""
    stream_arns                    = []
    reconcile_interval_minutes     = 0
    audit_retention_days           = 1
    reserved_concurrent_executions = 0
    shard_hour_price               = -0.01
  }

  expect_failures = [var.name, var.stream_arns, var.reconcile_interval_minutes, var.audit_retention_days, var.reserved_concurrent_executions, var.shard_hour_price]
}

run "refuses_more_than_the_most" {
  command = plan

  variables {
    name                       = join("", [for number in range(41) : "k"])
    reconcile_interval_minutes = 61
    audit_retention_days       = 3651
  }

  expect_failures = [var.name, var.reconcile_interval_minutes, var.audit_retention_days]
}

run "refuses_points_in_a_name_and_in_what_is_counted" {
  command = plan

  variables {
    name                           = "kinesis.autoscaler"
    reconcile_interval_minutes     = 1.5
    audit_retention_days           = 2.5
    reserved_concurrent_executions = 1.5
  }

  expect_failures = [var.name, var.reconcile_interval_minutes, var.audit_retention_days, var.reserved_concurrent_executions]
}

run "refuses_values_that_are_not_among_those_allowed" {
  command = plan

  variables {
    name               = "1-autoscaler"
    log_retention_days = 10
    log_level          = "WARN"
    architecture       = "arm"
    iam_role_path      = "team"
    vpc_config         = { subnet_ids = [], security_group_ids = ["default"] }
  }

  expect_failures = [var.name, var.log_retention_days, var.log_level, var.architecture, var.iam_role_path, var.vpc_config]
}

run "refuses_names_for_arns_and_ids" {
  command = plan

  variables {
    stream_arns              = ["orders"]
    alarm_actions            = ["on-call"]
    notification_topic_arn   = "platform"
    consumer_function_arns   = ["orders-consumer"]
    kms_key_arn              = "1234abcd-12ab-34cd-56ef-1234567890ab"
    permissions_boundary_arn = "boundary"
    vpc_config               = { subnet_ids = ["private-a"], security_group_ids = ["sg-0123456789abcdef0"] }
  }

  expect_failures = [var.stream_arns, var.alarm_actions, var.notification_topic_arn, var.consumer_function_arns, var.kms_key_arn, var.permissions_boundary_arn, var.vpc_config]
}

run "refuses_arns_of_other_things" {
  command = plan

  variables {
    stream_arns              = ["arn:aws:firehose:eu-west-1:123456789012:deliverystream/orders"]
    notification_topic_arn   = "arn:aws:sns:eu-west-1:123456789012:platform.fifo"
    consumer_function_arns   = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-consumer:7"]
    kms_key_arn              = "arn:aws:kms:eu-west-1:123456789012:alias/autoscaler"
    permissions_boundary_arn = "arn:aws:iam::123456789012:role/boundary"
  }

  expect_failures = [var.stream_arns, var.notification_topic_arn, var.consumer_function_arns, var.kms_key_arn, var.permissions_boundary_arn]
}

run "accepts_topics_and_keys_of_other_accounts_and_logs_for_ever" {
  command = plan

  variables {
    log_retention_days       = 0
    alarm_actions            = ["arn:aws:sns:eu-west-1:210987654321:kinesis-autoscaler", "arn:aws:lambda:eu-west-1:123456789012:function:kinesis-autoscaler"]
    notification_topic_arn   = "arn:aws:sns:eu-west-1:210987654321:kinesis-autoscaler"
    kms_key_arn              = "arn:aws:kms:eu-west-1:210987654321:key/mrk-1234abcd12ab34cd56ef1234567890ab"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/team/boundary"
  }

  assert {
    condition     = aws_lambda_function.this.function_name == var.name
    error_message = "Valid inputs must create a function."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.health : length(alarm.alarm_actions) == 2])
    error_message = "CloudWatch notifies another account's topics."
  }
}

run "refuses_what_is_in_another_region" {
  command = plan

  variables {
    stream_arns            = ["arn:aws:kinesis:eu-west-1:123456789012:stream/orders", "arn:aws:kinesis:us-east-1:123456789012:stream/orders"]
    notification_topic_arn = "arn:aws:sns:us-east-1:123456789012:platform"
    consumer_function_arns = ["arn:aws:lambda:us-east-1:123456789012:function:orders-*"]
    kms_key_arn            = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    alarm_actions          = ["arn:aws:sns:us-east-1:123456789012:on-call"]
  }

  expect_failures = [var.stream_arns, var.alarm_actions, var.notification_topic_arn, var.consumer_function_arns, var.kms_key_arn]
}

run "refuses_what_is_in_another_account_where_aws_does" {
  command = plan

  variables {
    stream_arns              = ["arn:aws:kinesis:eu-west-1:210987654321:stream/orders"]
    consumer_function_arns   = ["arn:aws:lambda:eu-west-1:210987654321:function:orders-*"]
    permissions_boundary_arn = "arn:aws:iam::210987654321:policy/boundary"
  }

  expect_failures = [var.stream_arns, var.consumer_function_arns, var.permissions_boundary_arn]
}
