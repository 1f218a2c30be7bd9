# What the function may do, who may invoke it, and who may publish to the topic.

locals {
  # The names of roles are global to an account, and the names of all other resources here to a region. The provider
  # adds 26 digits to the names of roles, so the autoscaler can be deployed under one name in several regions. The
  # region's name would do as well, but in a module block with depends_on it may be unknown before the apply, and
  # Terraform would then replace the roles. A name has at most 64 characters.
  role_name_prefix = substr(var.name, 0, 28)

  # ARNs in policies are built from names and do not refer to resources. So every plan, also the first, shows the
  # granted permissions, and no policy becomes "known after apply" because of a changed tag.
  arn_scope          = "${local.region}:${local.account_id}"
  alarm_arn_prefix   = "arn:${local.partition}:cloudwatch:${local.arn_scope}:alarm:"
  audit_table_arn    = "arn:${local.partition}:dynamodb:${local.arn_scope}:table/${local.audit_table_name}"
  dead_letter_arn    = "arn:${local.partition}:sqs:${local.arn_scope}:${local.dead_letter_queue_name}"
  every_stream_arn   = "arn:${local.partition}:kinesis:${local.arn_scope}:stream/*"
  function_arn       = "arn:${local.partition}:lambda:${local.arn_scope}:function:${var.name}"
  log_group_arn      = "arn:${local.partition}:logs:${local.arn_scope}:log-group:${local.log_group_name}"
  own_alarms_arn     = "${local.alarm_arn_prefix}${var.name}/*" # the alarms that modules/stream makes
  schedule_group_arn = "arn:${local.partition}:scheduler:${local.arn_scope}:schedule-group/${var.name}"
  topic_arn          = "arn:${local.partition}:sns:${local.arn_scope}:${var.name}"
}

# ----------------------------------------------------------------------------------------------------------------------
# The function
# ----------------------------------------------------------------------------------------------------------------------

resource "aws_iam_role" "function" {
  name_prefix          = "${local.role_name_prefix}-function-"
  path                 = var.iam_role_path
  description          = "Permissions of the Kinesis autoscaler's function."
  assume_role_policy   = data.aws_iam_policy_document.function_trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  # When the role and its policy are replaced, the function always keeps its permissions.
  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "function_trust" {
  statement {
    sid     = "Lambda"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [data.aws_service_principal.this["lambda"].name]
    }
  }
}

resource "aws_iam_role_policy" "function" {
  name   = "autoscaler"
  role   = aws_iam_role.function.id
  policy = data.aws_iam_policy_document.function.json

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "function" {
  # The function looks up alarms by the topic that they notify. IAM authorizes such a listing for alarm:*, not for the
  # alarms that it returns.
  statement {
    sid       = "FindAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["${local.alarm_arn_prefix}*"]
  }

  # The slash before the wildcard ends the autoscaler's name, which contains no slash, so no other autoscaler's alarm
  # matches.
  statement {
    sid = "KeepAlarms"
    actions = [
      "cloudwatch:ListTagsForResource",
      "cloudwatch:PutMetricAlarm",
      "cloudwatch:SetAlarmState",
    ]
    resources = [local.own_alarms_arn]
  }

  # GetMetricData and DescribeLimits apply to the account and do not support resource-level permissions.
  statement {
    sid = "ReadMetricsAndLimits"
    actions = [
      "cloudwatch:GetMetricData",
      "kinesis:DescribeLimits",
    ]
    resources = ["*"]
  }

  # By default every stream of the account and region. A stream is scaled only if alarms of this autoscaler watch it.
  statement {
    sid = "ScaleStreams"
    actions = [
      "kinesis:DescribeStreamSummary",
      "kinesis:ListShards",
      "kinesis:ListStreamConsumers",
      "kinesis:UpdateShardCount",
    ]
    resources = var.stream_arns == null ? [local.every_stream_arn] : var.stream_arns
  }

  dynamic "statement" {
    for_each = var.allow_shard_splits ? [true] : []

    content {
      sid       = "SplitShards"
      actions   = ["kinesis:SplitShard"]
      resources = var.stream_arns == null ? [local.every_stream_arn] : var.stream_arns
    }
  }

  statement {
    sid = "KeepAuditRecords"
    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [local.audit_table_arn]
  }

  statement {
    sid       = "QueryOpenRecords"
    actions   = ["dynamodb:Query"]
    resources = ["${local.audit_table_arn}/index/open-records"]
  }

  # Lambda sends to the queue with the function's role.
  statement {
    sid       = "SendFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [local.dead_letter_arn]
  }

  # The wildcard matches the log streams of the function's own log group.
  statement {
    sid = "WriteLogs"
    actions = [
      "logs:CreateLogStream",
      "logs:PutLogEvents",
    ]
    resources = ["${local.log_group_arn}:log-stream:*"]
  }

  dynamic "statement" {
    for_each = var.notification_topic_arn == null ? [] : [var.notification_topic_arn]

    content {
      sid       = "NotifyPeople"
      actions   = ["sns:Publish"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = length(var.consumer_function_arns) == 0 ? [] : [var.consumer_function_arns]

    content {
      sid = "SetConsumerConcurrency"
      actions = [
        "lambda:GetFunctionConcurrency",
        "lambda:PutFunctionConcurrency",
      ]
      resources = statement.value
    }
  }

  # Network interfaces that connect Lambda to a VPC. Most of these actions do not support resource-level permissions.
  dynamic "statement" {
    for_each = var.vpc_config == null ? [] : [true]

    content {
      sid = "AttachToVpc"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]
    }
  }

  # For the audit table, the dead-letter queue, the function's environment, and a notification topic with the same key.
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid = "UseKey"
      actions = [
        "kms:Decrypt",
        "kms:GenerateDataKey",
      ]
      resources = [statement.value]
    }
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# The schedule
# ----------------------------------------------------------------------------------------------------------------------

resource "aws_iam_role" "schedule" {
  name_prefix          = "${local.role_name_prefix}-schedule-"
  path                 = var.iam_role_path
  description          = "Lets EventBridge Scheduler invoke the Kinesis autoscaler's function."
  assume_role_policy   = data.aws_iam_policy_document.schedule_trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "schedule_trust" {
  statement {
    sid     = "Scheduler"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [data.aws_service_principal.this["scheduler"].name]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.schedule_group_arn]
    }
  }
}

resource "aws_iam_role_policy" "schedule" {
  name   = "invoke"
  role   = aws_iam_role.schedule.id
  policy = data.aws_iam_policy_document.schedule.json

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "schedule" {
  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.function_arn]
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# The topic
# ----------------------------------------------------------------------------------------------------------------------

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsOfThisAutoscaler"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]

    principals {
      type        = "Service"
      identifiers = [data.aws_service_principal.this["cloudwatch"].name]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.own_alarms_arn]
    }
  }

  statement {
    sid       = "OnlyOverTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
