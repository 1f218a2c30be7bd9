variable "autoscaler" {
  description = <<-EOT
    The autoscaler that scales the stream. Pass the whole root module, `autoscaler = module.kinesis_autoscaler`. If it has its own
    state, pass its outputs or strings instead.
    - `topic_arn`, `alarm_name_prefix`, `audit_table_name`: outputs of the root module under these names.
    - `region`, `account_id`: the region and account of the autoscaler and of the stream. The default is that of `topic_arn`.
    - `stream_arns`, `consumer_function_arns`: the streams and functions that the autoscaler may change. They must include the stream
      and `consumer_functions`. Without these attributes, this is not checked.
    - `allow_shard_splits`: whether the autoscaler may split shards, as required by `split_beyond_quota` and `split_hot_shards`. Without it, this is not checked.
  EOT
  type = object({
    topic_arn              = string
    alarm_name_prefix      = string
    audit_table_name       = string
    region                 = optional(string)
    account_id             = optional(string)
    stream_arns            = optional(list(string))
    consumer_function_arns = optional(list(string))
    allow_shard_splits     = optional(bool)
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,256}$", var.autoscaler.topic_arn))
    error_message = "autoscaler.topic_arn must be the ARN of the autoscaler's SNS topic, its output topic_arn."
  }

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,39}$", var.autoscaler.alarm_name_prefix))
    error_message = "autoscaler.alarm_name_prefix must be the autoscaler's name, its output alarm_name_prefix: the function ignores alarms with any other prefix."
  }

  validation {
    condition     = !(var.split_beyond_quota || var.split_hot_shards) || var.autoscaler.allow_shard_splits != false
    error_message = "${var.split_beyond_quota ? "split_beyond_quota" : "split_hot_shards"} requires permission to split shards. Set allow_shard_splits = true in the autoscaler."
  }
}

variable "stream_arn" {
  description = "ARN of a Kinesis data stream in provisioned mode, whose resource ignores changes of `shard_count`. Use the resource's attribute, `aws_kinesis_stream.orders.arn`: the stream is then created first, and the block needs no `depends_on`. If the stream does not exist, the plan fails with \"couldn't find resource\". If the block has `depends_on` and something that it names has a change, the plan also shows both alarms as changed, because Terraform can't know the stream's shards before the apply. The apply then leaves the alarms as they were."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[a-zA-Z0-9_.-]{1,128}$", var.stream_arn))
    error_message = "stream_arn must be the ARN of a stream, not its name: arn:<partition>:kinesis:<region>:<account>:stream/<name>."
  }

  validation {
    condition = (
      element(split(":", var.stream_arn), 3) == coalesce(var.autoscaler.region, element(split(":", var.autoscaler.topic_arn), 3)) &&
      element(split(":", var.stream_arn), 4) == coalesce(var.autoscaler.account_id, element(split(":", var.autoscaler.topic_arn), 4))
    )
    error_message = "The stream ${var.stream_arn} is not in the account and region of its autoscaler, ${coalesce(var.autoscaler.account_id, element(split(":", var.autoscaler.topic_arn), 4))} and ${coalesce(var.autoscaler.region, element(split(":", var.autoscaler.topic_arn), 3))}. An autoscaler scales only streams of its own account and region: use the autoscaler of the stream's."
  }

  # As in the IAM policy of the function: `*` matches any number of characters, `?` matches one.
  validation {
    condition = var.autoscaler.stream_arns == null ? true : anytrue([
      for pattern in var.autoscaler.stream_arns :
      can(regex("^${replace(replace(replace(pattern, ".", "\\."), "*", ".*"), "?", ".")}$", var.stream_arn))
    ])
    error_message = "The autoscaler may not scale the stream ${var.stream_arn}: add it to the stream_arns of the autoscaler, or remove stream_arns to allow every stream of the account and region."
  }
}

variable "max_shard_count" {
  description = "Maximum number of shards. It limits the stream's cost. From 1 to 10,000."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_shard_count >= 1 && var.max_shard_count <= 10000 && floor(var.max_shard_count) == var.max_shard_count
    error_message = "max_shard_count must be a whole number of shards from 1 to 10,000, the maximum to which Kinesis scales a stream."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# How far to scale
# ----------------------------------------------------------------------------------------------------------------------

variable "min_shard_count" {
  description = "Minimum number of shards. From 1 to `max_shard_count`."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.min_shard_count >= 1 && floor(var.min_shard_count) == var.min_shard_count
    error_message = "min_shard_count must be a whole number of shards, at least 1."
  }

  validation {
    condition     = var.min_shard_count <= var.max_shard_count
    error_message = "min_shard_count (${var.min_shard_count}) must not be above max_shard_count (${var.max_shard_count})."
  }
}

variable "scaling_strategy" {
  description = "How many shards to scale to. `target`: so many that the demand uses `target_utilization` of their capacity, at most double and at least half. `double`: always double or half."
  type        = string
  default     = "target"
  nullable    = false

  validation {
    condition     = contains(["target", "double"], var.scaling_strategy)
    error_message = "scaling_strategy must be target or double."
  }
}

variable "target_utilization" {
  description = "Fraction of the shards' capacity that the demand should use after a scaling with the strategy `target`; between the thresholds of `scale_down` and `scale_up`."
  type        = number
  default     = 0.8
  nullable    = false

  validation {
    condition     = var.target_utilization > 0 && var.target_utilization < 1
    error_message = "target_utilization must be a fraction above 0 and below 1, like 0.8 for 80%."
  }

  validation {
    condition     = var.scaling_strategy != "target" || (var.scale_down.threshold < var.target_utilization && var.target_utilization < var.scale_up.threshold)
    error_message = "target_utilization (${var.target_utilization}) must lie between scale_down.threshold (${var.scale_down.threshold}) and scale_up.threshold (${var.scale_up.threshold}): otherwise a scaling would trigger the next alarm."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# When to scale
# ----------------------------------------------------------------------------------------------------------------------

variable "scale_up" {
  description = <<-EOT
    When to scale up.
    - `threshold`: utilization of the stream's capacity, as a fraction, at or above which a period counts.
    - `period_seconds`: length of a period. A multiple of 60, because Kinesis reports once a minute.
    - `evaluation_periods`: the number of latest periods that the alarm evaluates.
    - `datapoints_to_alarm`: how many of them must count.
    - `cooldown_minutes`: minutes after a scaling in which the stream is not scaled up.
  EOT
  type = object({
    threshold           = optional(number, 0.9)
    period_seconds      = optional(number, 60)
    evaluation_periods  = optional(number, 1)
    datapoints_to_alarm = optional(number, 1)
    cooldown_minutes    = optional(number, 5)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.scale_up.threshold > 0 && var.scale_up.threshold <= 1
    error_message = "scale_up.threshold must be a fraction above 0 and up to 1, like 0.8 for 80%."
  }

  validation {
    condition     = var.scale_up.period_seconds >= 60 && var.scale_up.period_seconds <= 86400 && var.scale_up.period_seconds % 60 == 0
    error_message = "scale_up.period_seconds must be a multiple of 60 seconds, up to 86,400 (a day)."
  }

  validation {
    condition     = var.scale_up.evaluation_periods >= 1 && floor(var.scale_up.evaluation_periods) == var.scale_up.evaluation_periods
    error_message = "scale_up.evaluation_periods must be a whole number of periods, at least 1."
  }

  validation {
    condition     = var.scale_up.evaluation_periods * var.scale_up.period_seconds <= (var.scale_up.period_seconds < 3600 ? 86400 : 604800)
    error_message = "scale_up looks back too far: CloudWatch allows evaluation_periods × period_seconds up to 86,400 seconds (a day), or 604,800 (a week) if the period is an hour or longer."
  }

  validation {
    condition     = var.scale_up.datapoints_to_alarm >= 1 && var.scale_up.datapoints_to_alarm <= var.scale_up.evaluation_periods && floor(var.scale_up.datapoints_to_alarm) == var.scale_up.datapoints_to_alarm
    error_message = "scale_up.datapoints_to_alarm must be a whole number of periods, from 1 to evaluation_periods (${var.scale_up.evaluation_periods})."
  }

  validation {
    condition     = var.scale_up.cooldown_minutes >= 0 && var.scale_up.cooldown_minutes <= 1440 && floor(var.scale_up.cooldown_minutes) == var.scale_up.cooldown_minutes
    error_message = "scale_up.cooldown_minutes must be a whole number of minutes from 0 to 1,440 (a day)."
  }
}

variable "scale_down" {
  description = <<-EOT
    When to scale down.
    - `threshold`: utilization of the stream's capacity, as a fraction, below which a period counts. With the strategy `double`, at most half of the `scale_up` threshold.
    - `period_seconds`: length of a period. A multiple of 60, because Kinesis reports once a minute.
    - `evaluation_periods`: the number of latest periods that the alarm evaluates.
    - `datapoints_to_alarm`: how many of them must count.
    - `cooldown_minutes`: minutes after a scaling in which the stream is not scaled down.
  EOT
  type = object({
    threshold           = optional(number, 0.4)
    period_seconds      = optional(number, 300)
    evaluation_periods  = optional(number, 12)
    datapoints_to_alarm = optional(number, 12)
    cooldown_minutes    = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.scale_down.threshold > 0 && var.scale_down.threshold <= 1
    error_message = "scale_down.threshold must be a fraction above 0 and up to 1, like 0.4 for 40%."
  }

  validation {
    condition     = var.scale_down.threshold < var.scale_up.threshold
    error_message = "scale_down.threshold (${var.scale_down.threshold}) must be below scale_up.threshold (${var.scale_up.threshold})."
  }

  validation {
    condition     = var.scaling_strategy != "double" || 2 * var.scale_down.threshold <= var.scale_up.threshold
    error_message = "With the strategy double, scale_down.threshold (${var.scale_down.threshold}) must be at most half of scale_up.threshold (${var.scale_up.threshold}): half of the shards have twice the utilization, which would trigger the next alarm."
  }

  validation {
    condition     = var.scale_down.period_seconds >= 60 && var.scale_down.period_seconds <= 86400 && var.scale_down.period_seconds % 60 == 0
    error_message = "scale_down.period_seconds must be a multiple of 60 seconds, up to 86,400 (a day)."
  }

  validation {
    condition     = var.scale_down.evaluation_periods >= 1 && floor(var.scale_down.evaluation_periods) == var.scale_down.evaluation_periods
    error_message = "scale_down.evaluation_periods must be a whole number of periods, at least 1."
  }

  validation {
    condition     = var.scale_down.evaluation_periods * var.scale_down.period_seconds <= (var.scale_down.period_seconds < 3600 ? 86400 : 604800)
    error_message = "scale_down looks back too far: CloudWatch allows evaluation_periods × period_seconds up to 86,400 seconds (a day), or 604,800 (a week) if the period is an hour or longer."
  }

  validation {
    condition     = var.scale_down.datapoints_to_alarm >= 1 && var.scale_down.datapoints_to_alarm <= var.scale_down.evaluation_periods && floor(var.scale_down.datapoints_to_alarm) == var.scale_down.datapoints_to_alarm
    error_message = "scale_down.datapoints_to_alarm must be a whole number of periods, from 1 to evaluation_periods (${var.scale_down.evaluation_periods})."
  }

  validation {
    condition     = var.scale_down.cooldown_minutes >= 0 && var.scale_down.cooldown_minutes <= 1440 && floor(var.scale_down.cooldown_minutes) == var.scale_down.cooldown_minutes
    error_message = "scale_down.cooldown_minutes must be a whole number of minutes from 0 to 1,440 (a day)."
  }
}

variable "max_iterator_age_minutes" {
  description = "Age in minutes of the oldest unread record at which consumers count as behind and the stream is not scaled down. From 1 to 525,600 (a year, the longest retention of Kinesis). `null` ignores the consumers."
  type        = number
  default     = 30

  validation {
    condition     = var.max_iterator_age_minutes == null ? true : var.max_iterator_age_minutes >= 1 && var.max_iterator_age_minutes <= 525600 && floor(var.max_iterator_age_minutes) == var.max_iterator_age_minutes
    error_message = "max_iterator_age_minutes must be null or a whole number of minutes from 1 to 525,600 (a year, the longest retention of Kinesis)."
  }
}

variable "update_calls_per_day" {
  description = "Number of UpdateShardCount calls that Kinesis allows for the stream in a rolling 24 hours: ten, unless AWS has raised this quota for the account (see Service Quotas). From 1 to 1,000."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.update_calls_per_day >= 1 && var.update_calls_per_day <= 1000 && floor(var.update_calls_per_day) == var.update_calls_per_day
    error_message = "update_calls_per_day must be a whole number of calls from 1 to 1000: the number that AWS allows for the stream in 24 hours, which is 10 unless AWS has raised the quota."
  }
}

variable "calls_reserved_for_scale_up" {
  description = "Number of the `update_calls_per_day` that are reserved for scaling up. From 0 to one less than all of them."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.calls_reserved_for_scale_up >= 0 && var.calls_reserved_for_scale_up < var.update_calls_per_day && floor(var.calls_reserved_for_scale_up) == var.calls_reserved_for_scale_up
    error_message = "calls_reserved_for_scale_up must be a whole number of calls from 0 to ${var.update_calls_per_day - 1}: with all ${var.update_calls_per_day} of update_calls_per_day reserved the stream would never be scaled down."
  }
}

variable "foresight" {
  description = "How to use the stream's last seven days. `on`: the stream grows before demand that recurs at this time of day, and shrinks when those days show that it saves money. `forecast_only`: the forecast of the next hour is logged, and only the alarms scale. `off`: they are not read."
  type        = string
  default     = "on"
  nullable    = false

  validation {
    condition     = contains(["off", "forecast_only", "on"], var.foresight)
    error_message = "foresight must be off, forecast_only or on."
  }
}

variable "throttling_cost" {
  description = "Shard-hours that you would pay to avoid one shard-hour of throttled traffic. With a higher value, more shards are kept for the demand expected from the last days. From 1 to 100,000. Takes effect only with `foresight = \"on\"`."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition     = var.throttling_cost >= 1 && var.throttling_cost <= 100000
    error_message = "throttling_cost must be a number from 1 to 100,000: shard-hours for one shard-hour of throttled traffic."
  }
}

variable "split_beyond_quota" {
  description = "Whether to split shards one at a time, up to double the count, when demand needs more shards and the `update_calls_per_day` are used up. A split takes about half a minute. AWS documents no daily limit of SplitShard calls. Requires `allow_shard_splits` in the autoscaler."
  type        = bool
  default     = false
  nullable    = false
}

variable "split_hot_shards" {
  description = "Whether to split a shard that throttles while the stream is not full: in 24 hours at most three times and at most once for each four shards, but one split is always allowed. The shard is found within about an hour, with `scale_on_throttling` within minutes. Requires `allow_shard_splits` in the autoscaler, and the stream's `shard_level_metrics` with `WriteProvisionedThroughputExceeded` and `IncomingRecords`."
  type        = bool
  default     = false
  nullable    = false
}

variable "scale_on_throttling" {
  description = "Whether a period with throttled records counts towards scaling up, regardless of its traffic. Throttled records on a stream far from full indicate a hot shard, which more shards do not cool. With `false`, such a stream is not scaled, and its scaling log says why; with `split_hot_shards` the hot shard is split instead. Adds a metric to the scale-up alarm."
  type        = bool
  default     = false
  nullable    = false
}

variable "scale_on_reads" {
  description = "Whether the bytes that consumers read count too. A shard's limit is 2 MB a second, shared by all consumers without enhanced fan-out. Adds a metric to both alarms."
  type        = bool
  default     = false
  nullable    = false
}

# ----------------------------------------------------------------------------------------------------------------------
# The stream's surroundings
# ----------------------------------------------------------------------------------------------------------------------

variable "consumer_functions" {
  description = "Lambda functions that read the stream, and the concurrency per shard of each: its reserved concurrency follows the shard count. From 1 to 10, as the parallelization factor of the event source mapping. The autoscaler's `consumer_function_arns` must include each function's ARN, and the function's resource should ignore changes of `reserved_concurrent_executions`."
  type        = map(number)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.consumer_functions) : can(regex("^[a-zA-Z0-9_-]{1,64}$", name))])
    error_message = "The keys of consumer_functions must be names of Lambda functions, not ARNs: 1 to 64 letters, digits, hyphens and underscores."
  }

  validation {
    condition     = alltrue([for concurrency in values(var.consumer_functions) : concurrency >= 1 && concurrency <= 10 && floor(concurrency) == concurrency])
    error_message = "The values of consumer_functions must be whole numbers from 1 to 10: the concurrency per shard."
  }

  validation {
    condition = var.autoscaler.consumer_function_arns == null ? true : alltrue([
      for name in keys(var.consumer_functions) : anytrue([
        for pattern in var.autoscaler.consumer_function_arns :
        can(regex("^${replace(replace(pattern, "*", ".*"), "?", ".")}$", "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${name}"))
      ])
    ])
    error_message = "The autoscaler may not set the concurrency of all consumer_functions: ${join(", ", keys(var.consumer_functions))}. Add the missing functions' ARNs to the consumer_function_arns of the autoscaler."
  }
}

variable "enabled" {
  description = "Whether to scale the stream. With `false`, the module creates no resources and removes existing ones."
  type        = bool
  default     = true
  nullable    = false
}

variable "dashboard_enabled" {
  description = "Whether to create a dashboard for the stream. CloudWatch charges $3 a month for each dashboard beyond an account's first three."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Additional tags for the alarms. Keys that begin with `kinesis-autoscaler:` are reserved for the stream's settings."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(key, "kinesis-autoscaler:")])
    error_message = "The keys of tags must not begin with kinesis-autoscaler:, which is reserved for the stream's settings."
  }

  validation {
    condition     = length(var.tags) + length(local.settings) <= 50
    error_message = "tags and consumer_functions must have at most ${50 - length(local.settings) + length(var.consumer_functions)} entries together: an alarm has at most 50 tags, of which ${length(local.settings) - length(var.consumer_functions)} hold the stream's settings."
  }
}
