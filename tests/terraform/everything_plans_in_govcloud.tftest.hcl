# Every ARN uses the current partition: here, that of GovCloud.

provider "aws" {
  region                      = "us-gov-west-1"
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


run "root" {
  command = plan

  variables {
    kms_key_arn              = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    stream_arns              = ["arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/orders"]
    notification_topic_arn   = "arn:aws-us-gov:sns:us-gov-west-1:123456789012:platform"
    consumer_function_arns   = ["arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:orders-consumer"]
    permissions_boundary_arn = "arn:aws-us-gov:iam::123456789012:policy/boundary"
  }

  assert {
    condition = alltrue([
      for policy in [
        data.aws_iam_policy_document.topic.json,
        data.aws_iam_policy_document.function.json,
        data.aws_iam_policy_document.function_trust.json,
        data.aws_iam_policy_document.schedule.json,
        data.aws_iam_policy_document.schedule_trust.json,
      ] : !strcontains(policy, "arn:aws:")
    ])
    error_message = "ARNs must be of this partition."
  }

  assert {
    condition     = strcontains(data.aws_iam_policy_document.topic.json, "arn:aws-us-gov:cloudwatch:us-gov-west-1:123456789012:alarm:kinesis-autoscaler/*") && strcontains(data.aws_iam_policy_document.function.json, "arn:aws-us-gov:cloudwatch:us-gov-west-1:123456789012:alarm:*")
    error_message = "Alarm ARNs must be of this partition and region."
  }
}

run "root_by_default" {
  command = plan

  assert {
    condition     = strcontains(data.aws_iam_policy_document.function.json, "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/*") && !strcontains(data.aws_iam_policy_document.function.json, "arn:aws:")
    error_message = "By default the stream ARNs must be of this partition and region."
  }
}

run "stream" {
  command = plan

  module {
    source = "./modules/stream"
  }

  override_data {
    target = data.aws_kinesis_stream.this
    values = {
      arn                 = "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/orders"
      open_shards         = ["shardId-000000000000"]
      stream_mode_details = [{ stream_mode = "PROVISIONED" }]
    }
  }

  variables {
    autoscaler = {
      topic_arn         = "arn:aws-us-gov:sns:us-gov-west-1:123456789012:kinesis-autoscaler"
      alarm_name_prefix = "kinesis-autoscaler"
      audit_table_name  = "kinesis-autoscaler-audit"
    }
    stream_arn      = "arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/orders"
    max_shard_count = 64
  }

  assert {
    condition     = strcontains(output.scaling_log_command, "--region us-gov-west-1 ")
    error_message = "The scaling log is in this region."
  }
}
