variable "autoscaler" {
  description = <<-EOT
    The autoscaler that scales the stream: the root module passed whole, `autoscaler = module.kinesis_autoscaler`, or, where it is
    applied with a state of its own, its outputs or strings.
    - `topic_arn`, `alarm_name_prefix`, `audit_table_name`: outputs of the root module under these names.
    - `region`, `account_id`: where the autoscaler is, and the stream has to be; if left out, as `topic_arn` says.
    - `stream_arns`, `consumer_function_arns`: what the autoscaler may scale and set. The stream and `consumer_functions` have to be
      among them; if left out, that is not checked.
    - `allow_shard_splits`: whether the autoscaler may split shards, as `split_beyond_quota` and `split_hot_shards` ask for; if left out, that is not checked.
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
    error_message = "autoscaler.topic_arn must be the ARN of the autoscaler's SNS topic, as its output topic_arn has it."
  }

  validation {
    condition     = can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,39}$", var.autoscaler.alarm_name_prefix))
    error_message = "autoscaler.alarm_name_prefix must be the autoscaler's name, as its output alarm_name_prefix has it: the function ignores alarms with any other."
  }

  validation {
    condition     = !(var.split_beyond_quota || var.split_hot_shards) || var.autoscaler.allow_shard_splits != false
    error_message = "The autoscaler may not split shards, which ${var.split_beyond_quota ? "split_beyond_quota" : "split_hot_shards"} asks for. Set allow_shard_splits = true in the autoscaler."
  }
}

variable "stream_arn" {
  description = "ARN of the Kinesis data stream: one in provisioned mode, whose own resource ignores changes of `shard_count`. Given as that resource's attribute, `aws_kinesis_stream.orders.arn`, the stream is created first, and the block needs no `depends_on`. A stream that does not exist fails the plan with \"couldn't find resource\". With `depends_on` at the block, every plan in which what it names has a change also shows both alarms as changed: Terraform can't know the stream's shards before the apply, which then leaves the alarms as they were."
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
    error_message = "The stream ${var.stream_arn} is not in the account and region of its autoscaler, ${coalesce(var.autoscaler.account_id, element(split(":", var.autoscaler.topic_arn), 4))} and ${coalesce(var.autoscaler.region, element(split(":", var.autoscaler.topic_arn), 3))}. An autoscaler scales the streams of its own account and region: use the one of the stream's."
  }

  # As IAM reads the policy of the function: `*` is any number of characters, `?` is one.
  validation {
    condition = var.autoscaler.stream_arns == null ? true : anytrue([
      for pattern in var.autoscaler.stream_arns :
      can(regex("^${replace(replace(replace(pattern, ".", "\\."), "*", ".*"), "?", ".")}$", var.stream_arn))
    ])
    error_message = "The autoscaler may not scale the stream ${var.stream_arn}: add it to the stream_arns of the autoscaler, or leave those out to allow every stream of the account and region."
  }
}

variable "max_shard_count" {
  description = "Most shards that the stream is ever given: the ceiling of its cost. From 1 to 10,000."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_shard_count >= 1 && var.max_shard_count <= 10000 && floor(var.max_shard_count) == var.max_shard_count
    error_message = "max_shard_count must be a whole number of shards from 1 to 10,000, the most to which Kinesis scales a stream."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# How far to scale
# ----------------------------------------------------------------------------------------------------------------------

variable "min_shard_count" {
  description = "Fewest shards that the stream is left with. From 1 to `max_shard_count`."
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
  description = "How many shards to scale to. `target`: as many as let the demand use `target_utilization` of them, at most double and at least half. `double`: always double or half."
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
    error_message = "target_utilization (${var.target_utilization}) must lie between scale_down.threshold (${var.scale_down.threshold}) and scale_up.threshold (${var.scale_up.threshold}): a scaling to it would set off the next alarm."
  }
}

# ----------------------------------------------------------------------------------------------------------------------
# When to scale
# ----------------------------------------------------------------------------------------------------------------------

variable "scale_up" {
  description = <<-EOT
    When to scale up.
    - `threshold`: fraction of the stream's capacity in use, from which a period counts.
    - `period_seconds`: length of a period; whole minutes, since Kinesis reports once a minute.
    - `evaluation_periods`: how many of the latest periods the alarm looks at.
    - `datapoints_to_alarm`: how many of them have to count.
    - `cooldown_minutes`: how long after a scaling the stream is not scaled up (again).
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
    error_message = "scale_up looks back too far: CloudWatch allows evaluation_periods × period_seconds up to 86,400 seconds (a day), or 604,800 (a week) where the period is an hour or longer."
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
    - `threshold`: fraction of the stream's capacity in use, below which a period counts. With the strategy `double` at most half of that of `scale_up`.
    - `period_seconds`: length of a period; whole minutes, since Kinesis reports once a minute.
    - `evaluation_periods`: how many of the latest periods the alarm looks at.
    - `datapoints_to_alarm`: how many of them have to count.
    - `cooldown_minutes`: how long after a scaling the stream is not scaled down (again).
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
    error_message = "With the strategy double, scale_down.threshold (${var.scale_down.threshold}) must be at most half of scale_up.threshold (${var.scale_up.threshold}): half the shards are used twice as much, which would set off the next alarm."
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
    error_message = "scale_down looks back too far: CloudWatch allows evaluation_periods × period_seconds up to 86,400 seconds (a day), or 604,800 (a week) where the period is an hour or longer."
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
  description = "Age in minutes of the oldest unread record, from which consumers count as behind and the stream is not scaled down: from 1 to 525,600, the year for which Kinesis keeps records at most. `null` ignores the consumers."
  type        = number
  default     = 30

  validation {
    condition     = var.max_iterator_age_minutes == null ? true : var.max_iterator_age_minutes >= 1 && var.max_iterator_age_minutes <= 525600 && floor(var.max_iterator_age_minutes) == var.max_iterator_age_minutes
    error_message = "max_iterator_age_minutes must be null or a whole number of minutes from 1 to 525,600 (a year, the longest that Kinesis keeps records)."
  }
}

variable "update_calls_per_day" {
  description = "How many UpdateShardCount calls Kinesis allows the stream in a rolling 24 hours. Ten, unless AWS has raised this quota for the account: see Service Quotas. From 1 to 1,000."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.update_calls_per_day >= 1 && var.update_calls_per_day <= 1000 && floor(var.update_calls_per_day) == var.update_calls_per_day
    error_message = "update_calls_per_day must be a whole number of calls from 1 to 1000: as many as AWS allows the stream in 24 hours, 10 unless it has raised the quota."
  }
}

variable "calls_reserved_for_scale_up" {
  description = "How many of the `update_calls_per_day` are kept for scaling up: fewer than all of them, from 0 on."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = var.calls_reserved_for_scale_up >= 0 && var.calls_reserved_for_scale_up < var.update_calls_per_day && floor(var.calls_reserved_for_scale_up) == var.calls_reserved_for_scale_up
    error_message = "calls_reserved_for_scale_up must be a whole number of calls from 0 to ${var.update_calls_per_day - 1}: with all ${var.update_calls_per_day} of update_calls_per_day reserved the stream would never be scaled down."
  }
}

variable "foresight" {
  description = "What the stream's last seven days are used for. `on`: it grows before demand does, where demand came at this time on other days, and shrinks as far as that pays by them. `forecast_only`: the next hour is forecast and logged, and the alarms alone scale. `off`: nothing."
  type        = string
  default     = "on"
  nullable    = false

  validation {
    condition     = contains(["off", "forecast_only", "on"], var.foresight)
    error_message = "foresight must be off, forecast_only or on."
  }
}

variable "throttling_cost" {
  description = "Shard-hours that you would pay to spare one shard-hour of throttled traffic: the more, the more shards are kept for what the last days let expect. From 1 to 100,000. Takes effect with `foresight` on."
  type        = number
  default     = 200
  nullable    = false

  validation {
    condition     = var.throttling_cost >= 1 && var.throttling_cost <= 100000
    error_message = "throttling_cost must be a number from 1 to 100,000: shard-hours for one shard-hour of throttled traffic."
  }
}

variable "split_beyond_quota" {
  description = "Whether shards are split one at a time, up to twice as many, while demand asks for more and the day's `update_calls_per_day` are spent; a split takes about half a minute. No daily limit of SplitShard calls is documented. Needs `allow_shard_splits` of the autoscaler."
  type        = bool
  default     = false
  nullable    = false
}

variable "split_hot_shards" {
  description = "Whether a shard that throttles on a stream that is not full is split: three times in 24 hours at most, for each four shards once, but once in any case. It is found within about an hour, with `scale_on_throttling` within minutes. Needs `allow_shard_splits` of the autoscaler, and the stream's `shard_level_metrics` with `WriteProvisionedThroughputExceeded` and `IncomingRecords`."
  type        = bool
  default     = false
  nullable    = false
}

variable "scale_on_throttling" {
  description = "Whether a period in which Kinesis refused records counts towards scaling up, however much it accepted. Records refused by a stream far from full point at one hot shard, which more shards do not cool: so `false` leaves such a stream alone and says so in its scaling log, and with `split_hot_shards` that shard is split instead. Adds a metric to the scale-up alarm."
  type        = bool
  default     = false
  nullable    = false
}

variable "scale_on_reads" {
  description = "Whether the bytes that consumers read count too, against the 2 MB a second that a shard lets all consumers without enhanced fan-out share. Adds a metric to both alarms."
  type        = bool
  default     = false
  nullable    = false
}

# ----------------------------------------------------------------------------------------------------------------------
# The stream's surroundings
# ----------------------------------------------------------------------------------------------------------------------

variable "consumer_functions" {
  description = "Lambda functions that read the stream, and the concurrency that each gets per shard: its reserved concurrency follows the shard count. From 1 to 10, the event source mapping's parallelization factor. Each function's ARN has to be in the autoscaler's `consumer_function_arns`, and its own resource should ignore changes of `reserved_concurrent_executions`."
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
    error_message = "The autoscaler may not set the concurrency of every one of the consumer_functions: ${join(", ", keys(var.consumer_functions))}. Add the missing functions' ARNs to the consumer_function_arns of the autoscaler."
  }
}

variable "enabled" {
  description = "Whether the stream is scaled. With `false` nothing is created, and what was is removed."
  type        = bool
  default     = true
  nullable    = false
}

variable "dashboard_enabled" {
  description = "Whether to make a dashboard of the stream. CloudWatch charges $3 a month for each dashboard beyond an account's first three."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of the alarms, beside those that hold the stream's settings, whose keys begin with `kinesis-autoscaler:`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(key, "kinesis-autoscaler:")])
    error_message = "The keys of tags must not begin with kinesis-autoscaler:, under which the alarms hold the stream's settings."
  }

  validation {
    condition     = length(var.tags) + length(local.settings) <= 50
    error_message = "tags and consumer_functions must have at most ${50 - length(local.settings) + length(var.consumer_functions)} entries together: an alarm has at most 50 tags, of which ${length(local.settings) - length(var.consumer_functions)} hold the stream's settings."
  }
}
