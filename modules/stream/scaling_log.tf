# The command that prints the stream's scaling log: a line a decision, the sentence last, so that a terminal may wrap it.

locals {
  # Title and value (as JMESPath, of a DynamoDB item) of each column.
  scaling_log_columns = [
    ["first seen", "started_at.S"],
    ["last seen", "last_seen_at.S || started_at.S"],
    ["times", "occurrences.N || '1'"],
    ["status", "status.S"],
    ["reason", "reason.S"],
    ["shards", "join(' -> ', [from_shard_count.N, to_shard_count.N][?@]) || '-'"],
    ["message", "message.S"],
  ]
  scaling_log_titles = join(", ", [for column in local.scaling_log_columns : "'${column[0]}'"])
  scaling_log_values = join(", ", [for column in local.scaling_log_columns : column[1]])

  # Queried newest first, to get the latest; printed newest last, as logs are read. It is a single page: the CLI applies
  # --query to each page by itself. Double quotes, with nothing in them that a shell replaces, mean the same to bash, zsh,
  # PowerShell and cmd.
  scaling_log_command = join(" ", [
    "aws dynamodb query",
    "--region ${local.region}",
    "--table-name ${var.autoscaler.audit_table_name}",
    "--key-condition-expression \"stream_name = :stream\"",
    "--expression-attribute-values \":stream={S=${local.stream_name}}\"",
    "--no-scan-index-forward --limit 50 --no-paginate --output text",
    "--query \"[[[${local.scaling_log_titles}]], reverse(Items)[].[${local.scaling_log_values}]][]\"",
  ])
}
