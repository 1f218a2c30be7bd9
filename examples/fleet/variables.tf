variable "region" {
  description = "Region in which the streams and the autoscaler are created."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs of the SNS topics that are notified when the autoscaler itself has a problem."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "dashboards_of" {
  description = "Names of the streams that get their own dashboard, in addition to the fleet's."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "streams" {
  description = "The fleet: for each stream name, the initial number of shards and the settings that differ from the module's defaults."
  type = map(object({
    initial_shard_count      = number
    min_shard_count          = optional(number)
    max_shard_count          = number
    scaling_strategy         = optional(string)
    target_utilization       = optional(number)
    scale_on_reads           = optional(bool)
    max_iterator_age_minutes = optional(number, 30)

    scale_up = optional(object({
      threshold           = optional(number)
      period_seconds      = optional(number)
      evaluation_periods  = optional(number)
      datapoints_to_alarm = optional(number)
      cooldown_minutes    = optional(number)
    }))
    scale_down = optional(object({
      threshold           = optional(number)
      period_seconds      = optional(number)
      evaluation_periods  = optional(number)
      datapoints_to_alarm = optional(number)
      cooldown_minutes    = optional(number)
    }))
  }))
  nullable = false

  default = {
    # Steady: the defaults, with room to grow.
    payments = {
      initial_shard_count = 2
      max_shard_count     = 16
    }

    # Bursty: doubled at the second busy minute of three, and scaled down after a quiet day instead of two quiet hours.
    clickstream = {
      initial_shard_count = 4
      min_shard_count     = 4
      max_shard_count     = 128
      scaling_strategy    = "double"
      scale_up            = { threshold = 0.7, evaluation_periods = 3, datapoints_to_alarm = 2 }
      scale_down          = { threshold = 0.3, period_seconds = 3600, evaluation_periods = 24, datapoints_to_alarm = 24 }
    }

    # Many consumers that may lag overnight: sized also by its reads, at a high utilization, regardless of their lag.
    audit-trail = {
      initial_shard_count      = 1
      max_shard_count          = 8
      target_utilization       = 0.7
      scale_on_reads           = true
      max_iterator_age_minutes = null
      scale_up                 = { threshold = 0.85, period_seconds = 300, evaluation_periods = 3 }
    }
  }
}
