# The command that prints the stream's scaling log: a line a decision, the sentence last, so that a terminal may wrap it.

locals {
  # Title and item attribute (as JMESPath) of each column. What a decision not to scale has no value for is shown as "-".
  scaling_log_columns = [
    ["time", "event_time.S"],
    ["action", "action.S"],
    ["status", "status.S"],
    ["reason", "reason.S"],
    ["from", "from_shard_count.N"],
    ["to", "to_shard_count.N"],
    ["message", "message.S"],
  ]
  scaling_log_titles = join(", ", [for column in local.scaling_log_columns : "`\"${column[0]}\"`"])
  scaling_log_values = join(", ", [for column in local.scaling_log_columns : "${column[1]} || `\"-\"`"])

  # Queried newest first, to get the latest; printed newest last, as logs are read.
  scaling_log_command = join(" ", [
    "aws dynamodb query",
    "--region ${data.aws_region.current.id}",
    "--table-name ${var.autoscaler.audit_table_name}",
    "--key-condition-expression 'stream_name = :stream'",
    "--expression-attribute-values '${jsonencode({ ":stream" = { S = var.stream_name } })}'",
    "--no-scan-index-forward --max-items 50 --output text",
    "--query '[[[${local.scaling_log_titles}]], reverse(Items)[].[${local.scaling_log_values}]][]'",
  ])
}
