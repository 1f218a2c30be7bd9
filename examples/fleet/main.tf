provider "aws" {
  region = var.region
}

module "kinesis_autoscaler" {
  source = "../.."

  alarm_actions = var.alarm_actions
}

resource "aws_kinesis_stream" "fleet" {
  #checkov:skip=CKV_AWS_43:Scaling does not depend on encryption; examples/complete has an encrypted stream.
  #checkov:skip=CKV_AWS_185:Scaling does not depend on encryption; examples/complete has an encrypted stream.
  for_each = var.streams

  name        = each.key
  shard_count = each.value.initial_shard_count

  # After the first apply, the autoscaler manages the number of shards.
  lifecycle {
    ignore_changes = [shard_count]
  }
}

# An attribute that a stream's entry omits is null here. The module then uses its default.
module "scaling" {
  source   = "../../modules/stream"
  for_each = var.streams

  autoscaler               = module.kinesis_autoscaler
  stream_arn               = aws_kinesis_stream.fleet[each.key].arn
  min_shard_count          = each.value.min_shard_count
  max_shard_count          = each.value.max_shard_count
  scaling_strategy         = each.value.scaling_strategy
  target_utilization       = each.value.target_utilization
  scale_up                 = each.value.scale_up
  scale_down               = each.value.scale_down
  scale_on_reads           = each.value.scale_on_reads
  max_iterator_age_minutes = each.value.max_iterator_age_minutes
  dashboard_enabled        = contains(var.dashboards_of, each.key)
}
