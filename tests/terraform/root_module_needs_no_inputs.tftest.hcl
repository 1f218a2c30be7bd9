# What the root module creates without any input. The other files change one thing each.

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

run "by_default" {
  command = plan

  # The function: its code and its logs. Its environment is tested in parts_are_connected.tftest.hcl.

  assert {
    condition     = aws_lambda_function.this.handler == "kinesis_autoscaler.handler.handler" && aws_lambda_function.this.runtime == "python3.13" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "The function must run the package, on the runtime that it is tested for."
  }

  assert {
    condition     = endswith(aws_lambda_function.this.filename, "lambda/package.zip") && aws_lambda_function.this.source_code_hash == filebase64sha256("lambda/package.zip")
    error_message = "The function's code must be the package, and change with it."
  }

  assert {
    condition     = aws_lambda_function.this.timeout == 900
    error_message = "The function must have Lambda's maximum timeout."
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.logging_config[0].application_log_level == "INFO" && aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.function.name
    error_message = "The function must log JSON to its own group."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.name == "/aws/lambda/kinesis-autoscaler" && aws_cloudwatch_log_group.function.retention_in_days == 365
    error_message = "Logs must be kept for a year."
  }

  # The events that the function cannot handle.

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 21600
    error_message = "Events must be retried as often and as long as Lambda allows."
  }

  assert {
    condition     = length(aws_lambda_function_event_invoke_config.this.destination_config[0].on_success) == 0
    error_message = "Successful events must have no destination."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 14 * 24 * 3600
    error_message = "The queue must keep failed events for SQS's maximum time."
  }

  # No concurrency is reserved.

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "No concurrency may be reserved: some accounts have none to reserve."
  }

  # The function may do only what it needs.

  assert {
    condition = jsonencode({
      for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement.Sid => {
        actions   = sort(flatten([statement.Action]))
        resources = sort(flatten([statement.Resource]))
      }
      }) == jsonencode({
      FindAlarms = {
        actions   = ["cloudwatch:DescribeAlarms"]
        resources = ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*"]
      }
      KeepAlarms = {
        actions   = ["cloudwatch:ListTagsForResource", "cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState"]
        resources = ["arn:aws:cloudwatch:eu-west-1:123456789012:alarm:kinesis-autoscaler/*"]
      }
      ReadMetricsAndLimits = {
        actions   = ["cloudwatch:GetMetricData", "kinesis:DescribeLimits"]
        resources = ["*"]
      }
      ScaleStreams = {
        actions   = ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:ListStreamConsumers", "kinesis:UpdateShardCount"]
        resources = ["arn:aws:kinesis:eu-west-1:123456789012:stream/*"]
      }
      KeepAuditRecords = {
        actions   = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/kinesis-autoscaler-audit"]
      }
      QueryOpenRecords = {
        actions   = ["dynamodb:Query"]
        resources = ["arn:aws:dynamodb:eu-west-1:123456789012:table/kinesis-autoscaler-audit/index/open-records"]
      }
      SendFailedEvents = {
        actions   = ["sqs:SendMessage"]
        resources = ["arn:aws:sqs:eu-west-1:123456789012:kinesis-autoscaler-dead-letter"]
      }
      WriteLogs = {
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/kinesis-autoscaler:log-stream:*"]
      }
    })
    error_message = "The function must have exactly these permissions."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement.Effect == "Allow" && !contains(keys(statement), "Condition")])
    error_message = "Every statement must have the effect Allow and no condition."
  }

  assert {
    condition     = jsonencode(jsondecode(aws_iam_role_policy.function.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.function.json))
    error_message = "The role must have this policy."
  }

  assert {
    condition     = jsondecode(data.aws_iam_policy_document.function_trust.json).Statement == [{ Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Sid = "Lambda" }]
    error_message = "Only Lambda may assume the function's role."
  }

  assert {
    condition     = length([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "NotifyPeople"]) == 0
    error_message = "A function that notifies nobody may not publish."
  }

  assert {
    condition     = length([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SetConsumerConcurrency"]) == 0
    error_message = "Without consumers the function must have no permissions for other functions."
  }

  assert {
    condition     = length([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "UseKey"]) == 0
    error_message = "Without a key the function must have no permissions for KMS."
  }

  assert {
    condition     = aws_iam_role.function.permissions_boundary == null && aws_iam_role.schedule.permissions_boundary == null
    error_message = "By default, neither role has a permissions boundary."
  }

  # Who may publish to the topic.

  assert {
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.topic.json).Statement : statement if statement.Effect == "Allow"]) == jsonencode([{
      Action = "sns:Publish"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:kinesis-autoscaler/*" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      Sid       = "AlarmsOfThisAutoscaler"
    }])
    error_message = "Only CloudWatch may publish to the topic, for alarms of this account with this prefix."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.topic.json).Statement : statement if statement.Effect == "Deny"]) == jsonencode([{
      Action    = "sns:Publish"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
      Effect    = "Deny"
      Principal = "*"
      Resource  = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      Sid       = "OnlyOverTls"
    }])
    error_message = "The topic must refuse requests without TLS."
  }

  assert {
    condition     = jsonencode(jsondecode(aws_sns_topic_policy.this.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.topic.json))
    error_message = "The topic must have this policy."
  }

  # The schedule on which the function reconciles, by a role that can do nothing else.

  assert {
    condition     = aws_scheduler_schedule.reconcile.schedule_expression == "rate(5 minutes)"
    error_message = "The function must reconcile every five minutes."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.flexible_time_window[0].mode == "OFF"
    error_message = "A reconciliation must not be delayed."
  }

  assert {
    condition     = jsondecode(aws_scheduler_schedule.reconcile.target[0].input) == { action = "reconcile" }
    error_message = "The schedule must send the reconcile event."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.target[0].retry_policy[0].maximum_event_age_in_seconds == 300
    error_message = "A failed invocation must not be retried after the next one is due."
  }

  assert {
    condition = jsonencode({
      for statement in jsondecode(data.aws_iam_policy_document.schedule.json).Statement : statement.Sid => {
        actions   = sort(flatten([statement.Action]))
        resources = sort(flatten([statement.Resource]))
      }
      }) == jsonencode({
      Invoke = {
        actions   = ["lambda:InvokeFunction"]
        resources = ["arn:aws:lambda:eu-west-1:123456789012:function:kinesis-autoscaler"]
      }
    })
    error_message = "The schedule's role must have exactly one permission."
  }

  assert {
    condition = jsonencode(jsondecode(data.aws_iam_policy_document.schedule_trust.json).Statement) == jsonencode([{
      Action = "sts:AssumeRole"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:scheduler:eu-west-1:123456789012:schedule-group/kinesis-autoscaler" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Sid       = "Scheduler"
    }])
    error_message = "Only the schedules of this autoscaler's own group may assume the role."
  }

  assert {
    condition     = aws_scheduler_schedule.reconcile.group_name == "kinesis-autoscaler" && jsonencode(jsondecode(aws_iam_role_policy.schedule.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.schedule.json))
    error_message = "The schedule must be in that group, and the role must have this policy."
  }

  # The audit table is keyed as the function queries it, expiring and recoverable.

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

  # The health alarms are there and tell nobody.

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.health) == 7 && alltrue([for alarm in aws_cloudwatch_metric_alarm.health : length(coalesce(alarm.alarm_actions, toset([]))) == 0])
    error_message = "The dashboard must show the health alarms even if they notify nobody."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.health["no-reconcile"].alarm_description, "for 15 minutes")
    error_message = "With a reconcile every five minutes, a quarter of an hour without one is too long."
  }

  # The fleet has a dashboard.

  assert {
    condition     = one(aws_cloudwatch_dashboard.this[*].dashboard_name) == "kinesis-autoscaler" && output.dashboard_name == "kinesis-autoscaler"
    error_message = "The fleet must have a dashboard with the autoscaler's name."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : try(widget.properties.region, "eu-west-1") == "eu-west-1"])
    error_message = "The dashboard must show this region."
  }

  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "https://")
    error_message = "Links must be relative, because consoles of other partitions have other addresses."
  }

  # Without a key, nothing is encrypted by one of the caller.

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == null
    error_message = "The topic must be unencrypted, because alarms cannot use an AWS managed key."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.sqs_managed_sse_enabled && aws_sqs_queue.dead_letter.kms_master_key_id == null
    error_message = "SQS must use its own keys."
  }

  assert {
    condition     = aws_cloudwatch_log_group.function.kms_key_id == null && aws_lambda_function.this.kms_key_arn == null
    error_message = "Logs and environment must be encrypted by their services."
  }

  # Nothing is there for the rules of large organisations.

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && length(aws_lambda_function.this.vpc_config) == 0
    error_message = "By default the function runs on arm64, in no VPC."
  }

  assert {
    condition     = aws_iam_role.function.path == "/" && aws_iam_role.schedule.path == "/" && !aws_dynamodb_table.audit.deletion_protection_enabled
    error_message = "By default roles have no path, and the table can be deleted."
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.function.json, "ec2:")
    error_message = "Without a VPC the function needs no permission to attach to one."
  }

  # No tags and telling names.

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
