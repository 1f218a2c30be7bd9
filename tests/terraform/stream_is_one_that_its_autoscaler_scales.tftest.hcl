# An alarm can only notify a topic of its own account and region, and the function may only scale streams in its policy. The plan
# fails if a call would be refused at run time.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_kinesis_stream.this
  values = {
    arn                 = "arn:aws:kinesis:eu-west-1:123456789012:stream/prod.orders"
    open_shards         = ["shardId-000000000000"]
    stream_mode_details = [{ stream_mode = "PROVISIONED" }]
  }
}

variables {
  autoscaler = {
    topic_arn              = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
    alarm_name_prefix      = "kinesis-autoscaler"
    audit_table_name       = "kinesis-autoscaler-audit"
    region                 = "eu-west-1"
    account_id             = "123456789012"
    stream_arns            = null
    consumer_function_arns = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-?", "arn:aws:lambda:eu-west-1:123456789012:function:read*r"]
  }
  stream_arn      = "arn:aws:kinesis:eu-west-1:123456789012:stream/prod.orders"
  max_shard_count = 64
}

run "every_stream_of_the_account_and_region_by_default" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { orders-1 = 1, reader = 2, readr = 1 }
  }

  assert {
    condition     = output.stream_name == "prod.orders" && output.stream_arn == var.stream_arn
    error_message = "The stream's name must be that in its ARN."
  }
}

run "consumers_that_the_autoscaler_may_not_set_are_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    consumer_functions = { orders-1 = 1, orders-10 = 1 }
  }

  expect_failures = [var.consumer_functions]
}

run "literals_may_leave_out_what_is_then_not_checked" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
    }
    consumer_functions = { anything = 1 }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1 && length(aws_cloudwatch_metric_alarm.scale_down) == 1
    error_message = "The stream must have its alarms."
  }
}

run "stream_of_another_region_than_the_topic_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:us-east-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
    }
  }

  expect_failures = [var.stream_arn]
}

run "stream_of_another_account_than_the_topic_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:210987654321:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
    }
  }

  expect_failures = [var.stream_arn]
}

run "stream_of_another_region_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      region            = "us-east-1"
    }
  }

  expect_failures = [var.stream_arn]
}

run "stream_of_another_account_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      account_id        = "210987654321"
    }
  }

  expect_failures = [var.stream_arn]
}

run "stream_that_no_entry_names_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      stream_arns       = ["arn:aws:kinesis:eu-west-1:123456789012:stream/orders", "arn:aws:kinesis:eu-west-1:123456789012:stream/prod_*", "arn:aws:kinesis:eu-west-1:123456789012:stream/prod.order"]
    }
  }

  expect_failures = [var.stream_arn]
}

run "stream_whose_period_is_another_character_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      stream_arns       = ["arn:aws:kinesis:eu-west-1:123456789012:stream/prod-orders"]
    }
  }

  expect_failures = [var.stream_arn]
}

run "stream_by_its_name_is_accepted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      stream_arns       = ["arn:aws:kinesis:eu-west-1:123456789012:stream/other", "arn:aws:kinesis:eu-west-1:123456789012:stream/prod.orders"]
    }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1 && length(aws_cloudwatch_metric_alarm.scale_down) == 1
    error_message = "The stream must have its alarms."
  }
}

run "stream_by_an_asterisk_is_accepted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      stream_arns       = ["arn:aws:kinesis:eu-west-1:123456789012:stream/*"]
    }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1 && length(aws_cloudwatch_metric_alarm.scale_down) == 1
    error_message = "The stream must have its alarms."
  }
}

run "stream_by_an_asterisk_within_is_accepted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      stream_arns       = ["arn:aws:kinesis:eu-west-1:123456789012:stream/p*.*s"]
    }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1 && length(aws_cloudwatch_metric_alarm.scale_down) == 1
    error_message = "The stream must have its alarms."
  }
}

run "stream_by_question_marks_is_accepted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
      stream_arns       = ["arn:aws:kinesis:eu-west-1:123456789012:stream/????.orders"]
    }
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.scale_up) == 1 && length(aws_cloudwatch_metric_alarm.scale_down) == 1
    error_message = "The stream must have its alarms."
  }
}

run "topic_by_its_name_is_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    autoscaler = {
      topic_arn         = "kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
    }
  }

  expect_failures = [var.autoscaler]
}

run "splits_that_the_autoscaler_may_not_make_are_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    split_beyond_quota = true
    autoscaler = {
      topic_arn          = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix  = "kinesis-autoscaler"
      audit_table_name   = "kinesis-autoscaler-audit"
      allow_shard_splits = false
    }
  }

  expect_failures = [var.autoscaler]
}

run "splits_of_hot_shards_that_the_autoscaler_may_not_make_are_refused" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    split_hot_shards = true
    autoscaler = {
      topic_arn          = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix  = "kinesis-autoscaler"
      audit_table_name   = "kinesis-autoscaler-audit"
      allow_shard_splits = false
    }
  }

  expect_failures = [var.autoscaler]
}

run "splits_that_the_autoscaler_may_make_are_accepted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  variables {
    split_beyond_quota = true
    autoscaler = {
      topic_arn          = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix  = "kinesis-autoscaler"
      audit_table_name   = "kinesis-autoscaler-audit"
      allow_shard_splits = true
    }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.scale_up[0].tags["kinesis-autoscaler:split-beyond-quota"] == "true"
    error_message = "The tag that enables splits must be set."
  }
}
