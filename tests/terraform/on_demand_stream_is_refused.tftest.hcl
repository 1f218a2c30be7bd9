# Kinesis scales streams in on-demand mode by itself, and refuses UpdateShardCount for them.

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
    arn                 = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
    open_shards         = ["shardId-000000000007", "shardId-000000000008", "shardId-000000000009"]
    closed_shards       = ["shardId-000000000005", "shardId-000000000006"]
    stream_mode_details = [{ stream_mode = "PROVISIONED" }]
  }
}

variables {
  autoscaler = {
    topic_arn         = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
    alarm_name_prefix = "kinesis-autoscaler"
    audit_table_name  = "kinesis-autoscaler-audit"
  }
  stream_arn      = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
  max_shard_count = 64
}

run "provisioned_stream_is_accepted" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition     = output.shard_count == 3
    error_message = "A provisioned stream has a number of shards."
  }
}

run "stream_of_another_region_than_the_providers_fails_the_plan" {
  command = plan

  module {
    source = "./modules/stream"
  }

  override_data {
    target = data.aws_kinesis_stream.this
    values = {
      arn                 = "arn:aws:kinesis:us-east-1:123456789012:stream/orders"
      open_shards         = ["shardId-000000000000"]
      stream_mode_details = [{ stream_mode = "PROVISIONED" }]
    }
  }

  expect_failures = [aws_cloudwatch_metric_alarm.scale_up]
}

run "on_demand_stream_fails_the_plan" {
  command = plan

  module {
    source = "./modules/stream"
  }

  override_data {
    target = data.aws_kinesis_stream.this
    values = {
      arn                 = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"
      open_shards         = ["shardId-000000000000"]
      stream_mode_details = [{ stream_mode = "ON_DEMAND" }]
    }
  }

  expect_failures = [aws_cloudwatch_metric_alarm.scale_up]
}
