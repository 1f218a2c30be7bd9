# Two autoscalers in one account and region differ in their names.

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

run "each_changes_and_shows_only_its_own" {
  command = plan

  variables {
    name = "billing-autoscaler"
  }

  assert {
    condition     = strcontains(data.aws_iam_policy_document.topic.json, "alarm:billing-autoscaler/*") && strcontains(data.aws_iam_policy_document.function.json, "alarm:billing-autoscaler/*")
    error_message = "Each autoscaler may only change alarms with its own name."
  }

  assert {
    condition     = !strcontains(data.aws_iam_policy_document.topic.json, "alarm:kinesis-autoscaler/*") && !strcontains(data.aws_iam_policy_document.function.json, "alarm:kinesis-autoscaler/*")
    error_message = "No autoscaler may change another one's alarms."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "billing-autoscaler") && !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "kinesis-autoscaler")
    error_message = "A dashboard must show its own autoscaler."
  }

  assert {
    condition     = alltrue([for name, query in aws_cloudwatch_query_definition.this : query.name == "billing-autoscaler/${name}" && query.log_group_names == tolist(["/aws/lambda/billing-autoscaler"])])
    error_message = "Queries must search their own autoscaler's log."
  }
}
