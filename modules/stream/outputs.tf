output "stream_name" {
  description = "Name of the stream."
  value       = local.stream_name
}

output "stream_arn" {
  description = "ARN of the stream."
  value       = var.stream_arn
}

output "scale_up_alarm_name" {
  description = "Name of the alarm that scales the stream up; `null` if scaling is not enabled."
  value       = one(aws_cloudwatch_metric_alarm.scale_up[*].alarm_name)
}

output "scale_up_alarm_arn" {
  description = "ARN of the alarm that scales the stream up; `null` if scaling is not enabled."
  value       = one(aws_cloudwatch_metric_alarm.scale_up[*].arn)
}

output "scale_down_alarm_name" {
  description = "Name of the alarm that scales the stream down; `null` if scaling is not enabled."
  value       = one(aws_cloudwatch_metric_alarm.scale_down[*].alarm_name)
}

output "scale_down_alarm_arn" {
  description = "ARN of the alarm that scales the stream down; `null` if scaling is not enabled."
  value       = one(aws_cloudwatch_metric_alarm.scale_down[*].arn)
}

output "shard_count" {
  description = "Open shards of the stream when Terraform last read it; `null` if scaling is not enabled. As an output of a root module, it shows a change in the plan after every scaling."
  value       = local.open_shard_count
}

output "scaling_log_command" {
  description = "Command that prints the latest 50 records of the stream's scaling log, newest last: when each was first and last seen, how many times, its status, reason, shards and message. Works in bash, zsh, PowerShell and cmd. Requires the AWS CLI and permission to query the audit table."
  value       = local.scaling_log_command
}

output "dashboard_name" {
  description = "Name of the stream's CloudWatch dashboard; `null` if it is not enabled."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}
