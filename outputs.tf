output "topic_arn" {
  description = "ARN of the SNS topic that the alarms notify."
  value       = aws_sns_topic.this.arn
}

output "alarm_name_prefix" {
  description = "Prefix of the names of all alarms of this autoscaler: `<alarm_name_prefix>/<stream>/scale-up` and `…/scale-down`."
  value       = var.name
}

output "region" {
  description = "Region of the autoscaler and of its streams."
  value       = local.region
}

output "account_id" {
  description = "Account of the autoscaler and of its streams."
  value       = local.account_id
}

output "stream_arns" {
  description = "Streams that the autoscaler may scale: the input `stream_arns`."
  value       = var.stream_arns
}

output "allow_shard_splits" {
  description = "Whether the autoscaler may split shards: the input `allow_shard_splits`."
  value       = var.allow_shard_splits
}

output "consumer_function_arns" {
  description = "Functions whose concurrency the autoscaler may set: the input `consumer_function_arns`."
  value       = var.consumer_function_arns
}

output "function_name" {
  description = "Name of the Lambda function that scales."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the Lambda function that scales, for example to invoke it from your own schedule."
  value       = aws_lambda_function.this.arn
}

output "role_arn" {
  description = "ARN of the function's IAM role, for example for the key policy of an encrypted notification topic."
  value       = aws_iam_role.function.arn
}

output "role_name" {
  description = "Name of the function's IAM role."
  value       = aws_iam_role.function.name
}

output "audit_table_name" {
  description = "Name of the DynamoDB table that records every decision."
  value       = aws_dynamodb_table.audit.name
}

output "audit_table_arn" {
  description = "ARN of the DynamoDB table that records every decision."
  value       = aws_dynamodb_table.audit.arn
}

output "dead_letter_queue_arn" {
  description = "ARN of the SQS queue that receives the events that the function could not handle."
  value       = aws_sqs_queue.dead_letter.arn
}

output "dead_letter_queue_url" {
  description = "URL of the SQS queue that receives the events that the function could not handle."
  value       = aws_sqs_queue.dead_letter.url
}

output "health_alarm_arns" {
  description = "ARNs of the health alarms by name (`failures`, `no-reconcile`, …). Empty if they are not enabled."
  value       = { for name, alarm in aws_cloudwatch_metric_alarm.health : name => alarm.arn }
}

output "log_group_name" {
  description = "Name of the function's CloudWatch log group."
  value       = aws_cloudwatch_log_group.function.name
}

output "dashboard_name" {
  description = "Name of the fleet's CloudWatch dashboard; `null` if it is not enabled."
  value       = one(aws_cloudwatch_dashboard.this[*].dashboard_name)
}
