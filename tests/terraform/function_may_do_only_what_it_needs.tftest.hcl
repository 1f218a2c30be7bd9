# The permissions that each input adds to the function's role. Those by default are in root_module_needs_no_inputs.tftest.hcl.

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "offline"
  secret_key                  = "offline"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

override_data {
  target = data.aws_caller_identity.current
  values = { account_id = "123456789012" }
}


run "with_everything_on" {
  command = plan

  variables {
    stream_arns = [
      "arn:aws:kinesis:eu-west-1:123456789012:stream/orders",
      "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks-*",
    ]
    allow_shard_splits       = true
    notification_topic_arn   = "arn:aws:sns:eu-west-1:123456789012:platform"
    consumer_function_arns   = ["arn:aws:lambda:eu-west-1:123456789012:function:orders-consumer"]
    kms_key_arn              = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = sort(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "ScaleStreams"]).Resource) == sort(var.stream_arns)
    error_message = "The function may scale these streams, and no others."
  }

  assert {
    condition     = one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SplitShards"]).Action == "kinesis:SplitShard" && one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SplitShards"]).Resource == one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "ScaleStreams"]).Resource
    error_message = "The function must be able to split the shards of these streams, and of no others."
  }

  assert {
    condition     = one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "NotifyPeople"]).Action == "sns:Publish" && one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "NotifyPeople"]).Resource == var.notification_topic_arn
    error_message = "The function must be able to notify, on that topic alone."
  }

  assert {
    condition     = sort(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SetConsumerConcurrency"]).Action) == tolist(["lambda:GetFunctionConcurrency", "lambda:PutFunctionConcurrency"])
    error_message = "The function must be able to set, and read, the consumer's concurrency."
  }

  assert {
    condition     = flatten([one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "SetConsumerConcurrency"]).Resource]) == flatten([var.consumer_function_arns])
    error_message = "The function may set the concurrency of this consumer, and no other."
  }

  assert {
    condition     = sort(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "UseKey"]).Action) == tolist(["kms:Decrypt", "kms:GenerateDataKey"]) && one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement if statement.Sid == "UseKey"]).Resource == var.kms_key_arn
    error_message = "The function must be able to use the key, and no other."
  }

  assert {
    condition     = aws_iam_role.function.permissions_boundary == var.permissions_boundary_arn && aws_iam_role.schedule.permissions_boundary == var.permissions_boundary_arn
    error_message = "Both roles must have the permissions boundary."
  }
}
