# The parameters of the command. Its output is tested with a real table: tests/lives/test_scalings.py.

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

run "command_names_the_stream_the_table_and_the_region" {
  command = plan

  module {
    source = "./modules/stream"
  }

  assert {
    condition     = startswith(output.scaling_log_command, "aws dynamodb query --region eu-west-1 --table-name kinesis-autoscaler-audit ")
    error_message = "The command must work with any default region of the shell."
  }

  assert {
    condition     = strcontains(output.scaling_log_command, " --expression-attribute-values \":stream={S=orders}\" ")
    error_message = "The command must query this stream."
  }

  assert {
    condition = alltrue([
      for column in ["first seen", "last seen", "times", "status", "reason", "shards", "message"] : strcontains(output.scaling_log_command, "'${column}'")
    ])
    error_message = "The log must have these columns."
  }

  assert {
    condition     = length(regexall("[\n$`!\\\\]", output.scaling_log_command)) == 0 && length(regexall("\"", output.scaling_log_command)) % 2 == 0
    error_message = "The command's double quotes must contain nothing that a shell replaces."
  }

  assert {
    condition     = !strcontains(output.scaling_log_command, "\n")
    error_message = "The command must be a single line that can be pasted."
  }
}
