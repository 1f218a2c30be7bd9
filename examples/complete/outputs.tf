output "function_name" {
  description = "Name of the Lambda function that scales."
  value       = module.kinesis_autoscaler.function_name
}

output "audit_table_name" {
  description = "Name of the DynamoDB table that records every decision."
  value       = module.kinesis_autoscaler.audit_table_name
}

output "notification_topic_arn" {
  description = "ARN of the topic that receives the autoscaler's notifications."
  value       = aws_sns_topic.notifications.arn
}

output "scaling_log_commands" {
  description = "For each stream, the shell command that prints its scaling log."
  value = {
    (aws_kinesis_stream.orders.name) = module.orders_scaling.scaling_log_command
  }
}
