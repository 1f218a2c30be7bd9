# `dashboard_enabled` and `shard_hour_price` of the root module, and the saved queries. tests/integration/test_monitoring.py tests
# that the dashboard's metrics exist and its expressions can be computed.

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

run "off_on_request" {
  command = plan

  variables {
    dashboard_enabled = false
  }

  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0 && output.dashboard_name == null
    error_message = "A dashboard costs money, so there must be none when it is disabled."
  }

  assert {
    condition     = length(aws_cloudwatch_query_definition.this) == 4
    error_message = "Saved queries cost nothing and must stay."
  }
}

run "cost_is_estimated_with_the_price_given" {
  command = plan

  variables {
    shard_hour_price = 0.0165
  }

  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "shards * PERIOD(shards) / 3600 * 0.0165") && strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "shards * 24 * 0.0165") && !strcontains(aws_cloudwatch_dashboard.this[0].dashboard_body, "0.015")
    error_message = "Every figure must use the given price."
  }
}
