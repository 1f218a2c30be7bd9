# The exact permissions of the function's role, and those that each input adds.

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
}

run "with_everything_on" {
  command = plan

  variables {
    stream_arns = [
      "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
      "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks-*",
    ]
    allow_shard_splits       = true
    notification_topic_arn   = "arn:aws:sns:eu-west-1:123456789012:platform"
    consumer_function_arns   = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-consumer"]
    kms_key_arn              = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = sort(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "ScaleStreams"]).Resource) == sort(var.stream_arns)
    error_message = "The function may scale these streams, and no others."
  }

  assert {
    condition     = one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SplitShards"]).Action == "kinesis:SplitShard" && one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SplitShards"]).Resource == one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "ScaleStreams"]).Resource
    error_message = "The function must be able to split the shards of these streams, and of no others."
  }

  assert {
    condition     = one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "NotifyPeople"]).Action == "sns:Publish" && one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "NotifyPeople"]).Resource == var.notification_topic_arn
    error_message = "The function must be able to notify, on that topic alone."
  }

  assert {
    condition     = sort(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SetConsumerConcurrency"]).Action) == tolist(["lambda:GetFunctionConcurrency", "lambda:PutFunctionConcurrency"])
    error_message = "The function must be able to set, and read, the consumer's concurrency."
  }

  assert {
    condition     = flatten([one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SetConsumerConcurrency"]).Resource]) == flatten([var.consumer_function_arns])
    error_message = "The function may set the concurrency of this consumer, and no other."
  }

  assert {
    condition     = sort(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "UseKey"]).Action) == tolist(["kms:Decrypt", "kms:GenerateDataKey"]) && one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "UseKey"]).Resource == var.kms_key_arn
    error_message = "The function must be able to use the key, and no other."
  }

  assert {
    condition     = aws_iam_role.function.permissions_boundary == var.permissions_boundary_arn && aws_iam_role.schedule.permissions_boundary == var.permissions_boundary_arn
    error_message = "Both roles must have the permissions boundary."
  }
}
