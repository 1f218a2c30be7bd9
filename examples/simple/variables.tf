variable "region" {
  description = "Region in which the streams and the autoscaler are created."
  type        = string
  default     = "eu-west-1"
  nullable    = false
}
