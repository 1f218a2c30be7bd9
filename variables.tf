# ----------------------------------------------------------------------------------------------------------------------
# What is scaled, and how carefully
# ----------------------------------------------------------------------------------------------------------------------

variable "name" {
  description = "Name of this autoscaler. The names of all alarms and resources begin with it, so it must be unique within an account and region."
  type        = string
  default     = "kinesis-autoscaler"
  nullable    = false

  validation {
    # IAM role names have at most 64 characters: the name, a region (up to 14), "function" or "schedule", and two hyphens.
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,39}$", var.name))
    error_message = "name must have 1 to 40 letters, digits, hyphens and underscores, and begin with a letter."
  }
}

variable "stream_arns" {
  description = "ARNs of the Kinesis data streams that the function may scale; `*` and `?` are allowed in the stream's name. `null` allows every stream of the account and region. Only streams with a `modules/stream` block are scaled."
  type        = list(string)
  default     = null

  validation {
    condition = var.stream_arns == null ? true : length(var.stream_arns) > 0 && alltrue([
      for arn in var.stream_arns : can(regex("^arn:[a-z-]+:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.*?-]+$", arn))
    ])
    error_message = "stream_arns must be null (every stream) or contain at least one stream ARN: arn:<partition>:kinesis:<region>:<account>:stream/<name>."
  }

  validation {
    condition     = var.stream_arns == null ? true : alltrue([for arn in var.stream_arns : startswith(arn, "arn:${local.partition}:kinesis:${local.arn_scope}:")])
    error_message = "stream_arns must contain only streams of the autoscaler's account and region, ${local.arn_scope}: it cannot scale others."
  }
}

variable "dry_run" {
  description = "Whether to only record decisions. With `true`, every decision is written to the audit table, and no stream is scaled."
  type        = bool
  default     = false
  nullable    = false
}

variable "reconcile_interval_minutes" {
  description = "Minutes between two reconciliations, which complete interrupted work, correct alarms and re-arm stuck ones. From 1 to 60."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.reconcile_interval_minutes >= 1 && var.reconcile_interval_minutes <= 60 && floor(var.reconcile_interval_minutes) == var.reconcile_interval_minutes
    error_message = "reconcile_interval_minutes must be a whole number of minutes from 1 to 60."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# Records
# ----------------------------------------------------------------------------------------------------------------------

variable "audit_retention_days" {
  description = "Days to keep audit records. At least 2, because cooldowns and the rolling 24-hour quota of UpdateShardCount are computed from them."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.audit_retention_days >= 2 && var.audit_retention_days <= 3650 && floor(var.audit_retention_days) == var.audit_retention_days
    error_message = "audit_retention_days must be a whole number of days from 2 to 3650."
  }
}

variable "audit_deletion_protection" {
  description = "Whether DynamoDB protects the audit table from deletion, including deletion by Terraform."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_retention_days" {
  description = "Days to keep the function's logs: one of the values that CloudWatch Logs accepts, or 0 to keep them forever."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = contains(
      [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be a number of days that CloudWatch Logs accepts: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653; or 0 to keep logs forever."
  }
}

variable "log_level" {
  description = "Log level of the function: `INFO`, or `DEBUG` to include the log of the AWS SDK. Higher levels are not allowed: the function's metrics are `INFO` lines of its log, which Lambda would drop."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level must be DEBUG or INFO: above INFO, Lambda would drop the function's metrics with its log."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# People and consumers
# ----------------------------------------------------------------------------------------------------------------------

variable "notification_topic_arn" {
  description = "ARN of a standard SNS topic, in the same region, that receives a notification about every scaling and every failure. `null` sends none. If the topic is encrypted with a key other than `kms_key_arn`, the policy of that key must allow the role in the output `role_arn` to use it."
  type        = string
  default     = null

  validation {
    condition     = var.notification_topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,256}$", var.notification_topic_arn))
    error_message = "notification_topic_arn must be null or the ARN of a standard (not FIFO) SNS topic: arn:<partition>:sns:<region>:<account>:<name>."
  }

  validation {
    condition     = var.notification_topic_arn == null ? true : startswith(var.notification_topic_arn, "arn:${local.partition}:sns:${local.region}:")
    error_message = "notification_topic_arn must be a topic in the autoscaler's region, ${local.region}: SNS cannot publish to another region. The topic may belong to another account."
  }
}

variable "health_alarms_enabled" {
  description = "Whether to create the health alarms, which monitor the autoscaler itself: seven, at $0.10 each a month. They appear on the fleet's dashboard and notify `alarm_actions`."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs that the health alarms notify when they fire; SNS topics are also notified when they return to OK. If such a topic is encrypted, the policy of its key must allow `cloudwatch.amazonaws.com` to use it, as in `examples/complete`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.alarm_actions) <= 5 && alltrue([for arn in var.alarm_actions : can(regex("^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$", arn))])
    error_message = "alarm_actions must contain at most five ARNs, the CloudWatch limit for an alarm, for example arn:<partition>:sns:<region>:<account>:<name>."
  }

  validation {
    condition     = !contains(var.alarm_actions, local.topic_arn)
    error_message = "alarm_actions must not contain the autoscaler's own topic: it invokes the function and notifies nobody."
  }

  validation {
    condition     = alltrue([for arn in var.alarm_actions : contains(["", local.region], element(split(":", arn), 3))])
    error_message = "alarm_actions must be in the region of the autoscaler and its alarms, ${local.region}: CloudWatch cannot notify another region. The target may belong to another account."
  }
}

variable "dashboard_enabled" {
  description = "Whether to create the fleet's dashboard. CloudWatch charges $3 a month for each dashboard beyond an account's first three."
  type        = bool
  default     = true
  nullable    = false
}

variable "shard_hour_price" {
  description = "Price of one shard-hour in USD, for the cost estimate on the fleet's dashboard. The default is the price in us-east-1. For other regions, see \"Amazon Kinesis Data Streams pricing\"."
  type        = number
  default     = 0.015
  nullable    = false

  validation {
    condition     = var.shard_hour_price >= 0
    error_message = "shard_hour_price must be a price in USD, 0 or more."
  }
}

variable "allow_shard_splits" {
  description = "Whether the function may call SplitShard on the streams. Required by `split_beyond_quota` and `split_hot_shards` in `modules/stream`."
  type        = bool
  default     = false
  nullable    = false
}

variable "consumer_function_arns" {
  description = "Unqualified ARNs of the Lambda functions whose reserved concurrency the autoscaler may set. Required by `consumer_functions` in `modules/stream`. `*` and `?` are allowed in the function's name."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.consumer_function_arns : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_*?-]+$", arn))
    ])
    error_message = "consumer_function_arns must contain ARNs of Lambda functions, without version or alias: arn:<partition>:lambda:<region>:<account>:function:<name>."
  }

  validation {
    condition     = alltrue([for arn in var.consumer_function_arns : startswith(arn, "arn:${local.partition}:lambda:${local.arn_scope}:")])
    error_message = "consumer_function_arns must contain only functions of the autoscaler's account and region, ${local.arn_scope}: it cannot set the concurrency of others."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# The function and its surroundings
# ----------------------------------------------------------------------------------------------------------------------

variable "architecture" {
  description = "Processor architecture of the function: `arm64`, or `x86_64` in regions without `arm64`. The function is the same on both; `arm64` costs less."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "vpc_config" {
  description = <<-EOT
    VPC to attach the function to. `null` attaches it to none, which is sufficient because it only calls AWS APIs.
    - `subnet_ids`: private subnets with a NAT gateway or VPC endpoints for CloudWatch, Kinesis, DynamoDB, Lambda, SNS, SQS and, with your own key, KMS.
    - `security_group_ids`: security groups that allow outbound HTTPS.
  EOT
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc_config == null ? true : length(var.vpc_config.subnet_ids) > 0 && alltrue([for id in var.vpc_config.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "vpc_config.subnet_ids must contain at least one subnet ID: subnet-<hexadecimal digits>."
  }

  validation {
    condition     = var.vpc_config == null ? true : length(var.vpc_config.security_group_ids) > 0 && alltrue([for id in var.vpc_config.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))])
    error_message = "vpc_config.security_group_ids must contain at least one security group ID: sg-<hexadecimal digits>."
  }
}

variable "reserved_concurrent_executions" {
  description = "Concurrency to reserve for the function, at least 1. `null` reserves none, which suits accounts whose limit is too low to reserve any."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrent_executions == null ? true : var.reserved_concurrent_executions >= 1 && floor(var.reserved_concurrent_executions) == var.reserved_concurrent_executions
    error_message = "reserved_concurrent_executions must be null or a whole number of at least 1: with 0 the function would never run."
  }
}

variable "kms_key_arn" {
  description = "ARN of a symmetric KMS key that encrypts the topic, the audit table, the dead-letter queue, the logs and the function's environment. With `null`, services that encrypt by default use keys that AWS owns. `examples/complete` has the policy that the key needs."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be null or the ARN of a KMS key, not of an alias: arn:<partition>:kms:<region>:<account>:key/<id>."
  }

  validation {
    condition     = var.kms_key_arn == null ? true : startswith(var.kms_key_arn, "arn:${local.partition}:kms:${local.region}:")
    error_message = "kms_key_arn must be a key in the autoscaler's region, ${local.region}: AWS services cannot use a key of another region. The key may belong to another account."
  }
}

variable "iam_role_path" {
  description = "Path of the IAM roles that this module creates, for example `/team/`."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.iam_role_path)) && length(var.iam_role_path) <= 512
    error_message = "iam_role_path must begin and end with a slash, and have at most 512 characters, for example /team/."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of an IAM policy to set as the permissions boundary of the roles that this module creates. `null` sets none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be null or the ARN of an IAM policy: arn:<partition>:iam::<account>:policy/<name>."
  }

  validation {
    condition     = var.permissions_boundary_arn == null ? true : contains([local.account_id, "aws"], element(split(":", var.permissions_boundary_arn), 4))
    error_message = "permissions_boundary_arn must be a policy of the autoscaler's account, ${local.account_id}, or an AWS managed policy."
  }
}

variable "tags" {
  description = "Tags for every resource that this module creates."
  type        = map(string)
  default     = {}
  nullable    = false
}
