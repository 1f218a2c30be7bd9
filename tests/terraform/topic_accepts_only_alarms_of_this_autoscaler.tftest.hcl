# Who may publish to the topic.

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


run "only_alarms_of_this_autoscaler_publish" {
  command = plan

  variables {
    name = "kinesis-autoscaler"
  }

  assert {
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.topic.json).Statement : statement if statement.Effect == "Allow"]) == jsonencode([{
      Action = "sns:Publish"
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:kinesis-autoscaler/*" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      Sid       = "AlarmsOfThisAutoscaler"
    }])
    error_message = "Only CloudWatch may publish to the topic, for alarms of this account with this prefix."
  }

  assert {
    condition = jsonencode([for statement in jsondecode(data.aws_iam_policy_document.topic.json).Statement : statement if statement.Effect == "Deny"]) == jsonencode([{
      Action    = "sns:Publish"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
      Effect    = "Deny"
      Principal = "*"
      Resource  = "arn:aws:sns:eu-west-1:123456789012:kinesis-autoscaler"
      Sid       = "OnlyOverTls"
    }])
    error_message = "The topic must refuse requests without TLS."
  }

  assert {
    condition     = jsonencode(jsondecode(aws_sns_topic_policy.this.policy)) == jsonencode(jsondecode(data.aws_iam_policy_document.topic.json))
    error_message = "The topic must have this policy."
  }
}

run "another_name_is_another_prefix" {
  command = plan

  variables {
    name = "staging"
  }

  assert {
    condition     = strcontains(data.aws_iam_policy_document.topic.json, "alarm:staging/*") && strcontains(data.aws_iam_policy_document.function.json, "alarm:staging/*")
    error_message = "Each autoscaler may only change alarms with its own name."
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.topic.json, "alarm:kinesis-autoscaler/*") && !strcontains(data.aws_iam_policy_document.function.json, "alarm:kinesis-autoscaler/*")
    error_message = "No autoscaler may change another one's alarms."
  }
}
