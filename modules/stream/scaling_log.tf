# The command that prints the stream's scaling log, one line per decision. The sentence is last, so that a terminal can
# wrap it.

locals {
  # Title and value of each column. The value is a JMESPath expression on a DynamoDB item.
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

  # The query returns the newest items first, and the output shows them last, as in a log. It is limited to a single
  # page, because the CLI applies --query to each page separately. Double quotes around text without special characters
  # mean the same in bash, zsh, PowerShell and cmd.
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
