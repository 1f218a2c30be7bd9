output "function_name" {
  description = "Name of the Lambda function that scales."
  value       = module.kinesis_autoscaler.function_name
}

output "audit_table_name" {
  description = "Name of the DynamoDB table that records every decision."
  value       = module.kinesis_autoscaler.audit_table_name
}

output "scaling_log_commands" {
  description = "For each stream, the shell command that prints its scaling log."
  value       = { for name, stream in module.scaling : name => stream.scaling_log_command }
}
