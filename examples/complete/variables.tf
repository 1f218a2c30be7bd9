variable "region" {
  description = "Region in which everything is created."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}

variable "name" {
  description = "Name of the autoscaler, and beginning of the other names."
  type        = string
  default     = "data-platform-autoscaler"
  nullable    = false
}

variable "consumer_function_name" {
  description = "Name of an existing Lambda function that reads the stream, of whose reserved concurrency every shard gets 2."
  type        = string
  default     = "orders-consumer"
  nullable    = false
}

variable "notification_email" {
  description = "Address that is mailed what the autoscaler does, once the subscription is confirmed; `null` subscribes nobody to the topic."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that bounds every role in the account, where there is such a rule; `null` for none."
  type        = string
  default     = null
}
