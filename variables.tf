# ----------------------------------------------------------------------------------------------------------------------
# What is scaled, and how carefully
# ----------------------------------------------------------------------------------------------------------------------

variable "name" {
  description = "Name of this autoscaler. All alarms and resources begin with it, so it is unique within an account and region."
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
  description = "ARNs of the Kinesis data streams that the function may scale; `*` and `?` are allowed in the stream's name. `null` allows every stream of the account and region: those that a `modules/stream` block watches are scaled, no others."
  type        = list(string)
  default     = null

  validation {
    condition = var.stream_arns == null ? true : length(var.stream_arns) > 0 && alltrue([
      for arn in var.stream_arns : can(regex("^arn:[a-z-]+:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.*?-]+$", arn))
    ])
    error_message = "stream_arns must be null (every stream) or hold at least one ARN of a stream: arn:<partition>:kinesis:<region>:<account>:stream/<name>."
  }

  validation {
    condition     = var.stream_arns == null ? true : alltrue([for arn in var.stream_arns : startswith(arn, "arn:${local.partition}:kinesis:${local.arn_scope}:")])
    error_message = "stream_arns must hold streams of the autoscaler's account and region, ${local.arn_scope}: it scales no others."
  }
}

variable "dry_run" {
  description = "Whether to decide and record only. With `true` every decision is written to the audit table, and no stream is ever scaled."
  type        = bool
  default     = false
  nullable    = false
}

variable "reconcile_interval_minutes" {
  description = "Minutes between two reconciliations, which finish interrupted work, repair alarms and re-arm stuck ones. From 1 to 60."
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
  description = "Days for which audit records are kept. At least 2: cooldowns and the rolling 24-hour quota of UpdateShardCount are read from them."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition     = var.audit_retention_days >= 2 && var.audit_retention_days <= 3650 && floor(var.audit_retention_days) == var.audit_retention_days
    error_message = "audit_retention_days must be a whole number of days from 2 to 3650."
  }
}

variable "audit_deletion_protection" {
  description = "Whether DynamoDB refuses to delete the audit table, also where Terraform asks for it."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_retention_days" {
  description = "Days for which CloudWatch keeps the function's logs: one of the values that CloudWatch Logs accepts, or 0 for ever."
  type        = number
  default     = 365
  nullable    = false

  validation {
    condition = contains(
      [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days,
    )
    error_message = "log_retention_days must be a number of days that CloudWatch Logs accepts: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653; or 0 for ever."
  }
}

variable "log_level" {
  description = "Least severe level that the function logs: `INFO`, or `DEBUG` for what the AWS SDK does as well. Nothing higher: the function's metrics are lines of its log, which Lambda takes for `INFO` and would drop."
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
  description = "ARN of a standard SNS topic, in the same region, that is told of every scaling and every failure. `null` tells nobody. If the topic is encrypted with another key than `kms_key_arn`, that key's policy has to let the role in the output `role_arn` use it."
  type        = string
  default     = null

  validation {
    condition     = var.notification_topic_arn == null ? true : can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,256}$", var.notification_topic_arn))
    error_message = "notification_topic_arn must be null or the ARN of a standard (not FIFO) SNS topic: arn:<partition>:sns:<region>:<account>:<name>."
  }

  validation {
    condition     = var.notification_topic_arn == null ? true : startswith(var.notification_topic_arn, "arn:${local.partition}:sns:${local.region}:")
    error_message = "notification_topic_arn must be a topic in the autoscaler's region, ${local.region}: SNS publishes to no topic of another. Another account's will do."
  }
}

variable "health_alarms_enabled" {
  description = "Whether to make the health alarms, which watch the autoscaler itself: seven, at $0.10 each a month. They are on the fleet's dashboard, and `alarm_actions` are told of them."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs of what the health alarms notify when the autoscaler itself is unwell, and of SNS topics also when it is well again. An SNS topic among them that is encrypted needs a key whose policy lets `cloudwatch.amazonaws.com` use it, as in `examples/complete`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.alarm_actions) <= 5 && alltrue([for arn in var.alarm_actions : can(regex("^arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:.+$", arn))])
    error_message = "alarm_actions must hold at most five ARNs, the most that CloudWatch notifies of an alarm: arn:<partition>:sns:<region>:<account>:<name>, for instance."
  }

  validation {
    condition     = !contains(var.alarm_actions, local.topic_arn)
    error_message = "alarm_actions must not hold the autoscaler's own topic: it calls the function, not people."
  }

  validation {
    condition     = alltrue([for arn in var.alarm_actions : contains(["", local.region], element(split(":", arn), 3))])
    error_message = "alarm_actions must be in the region of the autoscaler and its alarms, ${local.region}: CloudWatch notifies nothing in another. Another account's will do."
  }
}

variable "dashboard_enabled" {
  description = "Whether to make the dashboard of the whole fleet. CloudWatch charges $3 a month for each dashboard beyond an account's first three."
  type        = bool
  default     = true
  nullable    = false
}

variable "shard_hour_price" {
  description = "Price of a shard for an hour in USD, for the cost estimate on the fleet's dashboard. The default is that of us-east-1; \"Amazon Kinesis Data Streams pricing\" has the other regions'."
  type        = number
  default     = 0.015
  nullable    = false

  validation {
    condition     = var.shard_hour_price >= 0
    error_message = "shard_hour_price must be a price in USD, 0 or more."
  }
}

variable "allow_shard_splits" {
  description = "Whether the function may call SplitShard on the streams, as asked for by `split_beyond_quota` and `split_hot_shards` in `modules/stream`."
  type        = bool
  default     = false
  nullable    = false
}

variable "consumer_function_arns" {
  description = "ARNs of the Lambda functions whose reserved concurrency the autoscaler may set, as asked for by `consumer_functions` in `modules/stream`; unqualified, `*` and `?` are allowed in the function's name."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for arn in var.consumer_function_arns : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_*?-]+$", arn))
    ])
    error_message = "consumer_function_arns must hold ARNs of Lambda functions, without version or alias: arn:<partition>:lambda:<region>:<account>:function:<name>."
  }

  validation {
    condition     = alltrue([for arn in var.consumer_function_arns : startswith(arn, "arn:${local.partition}:lambda:${local.arn_scope}:")])
    error_message = "consumer_function_arns must hold functions of the autoscaler's account and region, ${local.arn_scope}: it sets the concurrency of no others."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# The function and its surroundings
# ----------------------------------------------------------------------------------------------------------------------

variable "architecture" {
  description = "Processor that the function runs on: `arm64`, or `x86_64` in a region whose Lambda has no other. The function is the same on both; `arm64` costs less."
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
    VPC that the function is attached to. `null` attaches it to none, which is enough: it calls AWS APIs only.
    - `subnet_ids`: private subnets, from which a NAT gateway or endpoints lead to CloudWatch, Kinesis, DynamoDB, Lambda, SNS, SQS and, with a key of your own, KMS.
    - `security_group_ids`: security groups that let HTTPS out.
  EOT
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null

  validation {
    condition     = var.vpc_config == null ? true : length(var.vpc_config.subnet_ids) > 0 && alltrue([for id in var.vpc_config.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "vpc_config.subnet_ids must hold at least one ID of a subnet: subnet-<hexadecimal digits>."
  }

  validation {
    condition     = var.vpc_config == null ? true : length(var.vpc_config.security_group_ids) > 0 && alltrue([for id in var.vpc_config.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))])
    error_message = "vpc_config.security_group_ids must hold at least one ID of a security group: sg-<hexadecimal digits>."
  }
}

variable "reserved_concurrent_executions" {
  description = "Concurrency to reserve for the function. `null` reserves none, and fits accounts whose limit is too low to reserve anything; at least 1 otherwise."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrent_executions == null ? true : var.reserved_concurrent_executions >= 1 && floor(var.reserved_concurrent_executions) == var.reserved_concurrent_executions
    error_message = "reserved_concurrent_executions must be null or a whole number from 1: with 0 the function would never run."
  }
}

variable "kms_key_arn" {
  description = "ARN of a symmetric KMS key that encrypts the topic, the audit table, the dead-letter queue, the logs and the function's environment. `null` uses encryption with keys that AWS owns where there is one. The policy that the key needs is in `examples/complete`."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be null or the ARN of a KMS key, not of an alias: arn:<partition>:kms:<region>:<account>:key/<id>."
  }

  validation {
    condition     = var.kms_key_arn == null ? true : startswith(var.kms_key_arn, "arn:${local.partition}:kms:${local.region}:")
    error_message = "kms_key_arn must be a key in the autoscaler's region, ${local.region}: AWS services encrypt with no key of another. Another account's will do."
  }
}

variable "iam_role_path" {
  description = "Path of the IAM roles made here, `/team/` for instance."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.iam_role_path)) && length(var.iam_role_path) <= 512
    error_message = "iam_role_path must begin and end with a slash, and have at most 512 characters: /team/, for instance."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of an IAM policy that bounds the permissions of the roles made here. `null` sets no boundary."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be null or the ARN of an IAM policy: arn:<partition>:iam::<account>:policy/<name>."
  }

  validation {
    condition     = var.permissions_boundary_arn == null ? true : contains([local.account_id, "aws"], element(split(":", var.permissions_boundary_arn), 4))
    error_message = "permissions_boundary_arn must be a policy of the autoscaler's account, ${local.account_id}, or one that AWS manages."
  }
}

variable "tags" {
  description = "Tags of every resource made here."
  type        = map(string)
  default     = {}
  nullable    = false
}
