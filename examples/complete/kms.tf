# A key that encrypts all data of the autoscaler, with the required key policy.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_service_principal" "cloudwatch" {
  service_name = "cloudwatch"
}

# The service principal of CloudWatch Logs contains the region and, in China, the partition's suffix.
data "aws_service_principal" "logs" {
  service_name = "logs"
}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
}

resource "aws_kms_key" "autoscaler" {
  description             = "Kinesis autoscaler: topics, audit table, dead-letter queue, logs and function environment."
  enable_key_rotation     = true
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "autoscaler" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.autoscaler.id
}

data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:A key policy's resource "*" is the key itself.
  #checkov:skip=CKV_AWS_111:A key policy's resource "*" is the key itself.
  #checkov:skip=CKV_AWS_356:A key policy's resource "*" is the key itself.

  # Lets IAM policies of the account allow the use of the key: the policy of the autoscaler's role, and yours. The audit
  # table and the function's environment need nothing else.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  # Without this statement, alarms cannot publish to the encrypted topic, and no stream is scaled.
  statement {
    sid       = "AlarmsPublish"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = [data.aws_service_principal.cloudwatch.name]
    }
  }

  # CloudWatch Logs checks this when it creates the log group, so the condition contains the group's name and not its
  # ARN.
  statement {
    sid       = "LogsEncrypt"
    actions   = ["kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = [data.aws_service_principal.logs.name]
    }

    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:/aws/lambda/${var.name}"]
    }
  }
}
