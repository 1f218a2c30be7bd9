# The audit table is the log, the lock and the memory of the autoscaler.

resource "aws_dynamodb_table" "audit" {
  name         = local.audit_table_name
  billing_mode = "PAY_PER_REQUEST"

  deletion_protection_enabled = var.audit_deletion_protection

  # One item for each transition of an alarm. A notification that is delivered twice has the same key.
  hash_key  = "stream_name"
  range_key = "event_time"

  attribute {
    name = "stream_name"
    type = "S"
  }

  attribute {
    name = "event_time"
    type = "S"
  }

  attribute {
    name = "event_date"
    type = "S"
  }

  attribute {
    name = "open"
    type = "S"
  }

  # All events of all streams on one day.
  global_secondary_index {
    name            = "by-date"
    hash_key        = "event_date"
    range_key       = "event_time"
    projection_type = "ALL"
  }

  # Unfinished work: only items in status PENDING or UPDATING have the attribute `open`, so the index is nearly always
  # empty.
  global_secondary_index {
    name            = "open-records"
    hash_key        = "open"
    range_key       = "stream_name"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }

  # Without this argument, DynamoDB uses a key that AWS owns, at no cost.
  dynamic "server_side_encryption" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }

  tags = var.tags
}
