provider "aws" {
  region = var.region
}

# One autoscaler serves every stream of an account and region.
module "kinesis_autoscaler" {
  source = "../.."
}

# A steady stream: sized so that its traffic uses 70% of the capacity of its shards, which is the default.
resource "aws_kinesis_stream" "orders" {
  #checkov:skip=CKV_AWS_43:Scaling does not depend on encryption; examples/complete has an encrypted stream.
  #checkov:skip=CKV_AWS_185:Scaling does not depend on encryption; examples/complete has an encrypted stream.
  name        = "orders"
  shard_count = 2

  # After the first apply, the autoscaler manages the number of shards.
  lifecycle {
    ignore_changes = [shard_count]
  }
}

module "orders_scaling" {
  source = "../../modules/stream"

  autoscaler      = module.kinesis_autoscaler
  stream_arn      = aws_kinesis_stream.orders.arn
  max_shard_count = 16
}

# A bursty stream: doubled as soon as two of three minutes are busy, with at least 2 shards at all times.
resource "aws_kinesis_stream" "clicks" {
  #checkov:skip=CKV_AWS_43:Scaling does not depend on encryption; examples/complete has an encrypted stream.
  #checkov:skip=CKV_AWS_185:Scaling does not depend on encryption; examples/complete has an encrypted stream.
  name        = "clicks"
  shard_count = 4

  lifecycle {
    ignore_changes = [shard_count]
  }
}

module "clicks_scaling" {
  source = "../../modules/stream"

  autoscaler       = module.kinesis_autoscaler
  stream_arn       = aws_kinesis_stream.clicks.arn
  min_shard_count  = 2
  max_shard_count  = 32
  scaling_strategy = "double"

  scale_up = {
    threshold           = 0.7
    evaluation_periods  = 3
    datapoints_to_alarm = 2
  }
  scale_down = {
    threshold = 0.3
  }
}
