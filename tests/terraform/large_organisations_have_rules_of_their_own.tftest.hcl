# Inputs for the rules of large organisations, and their effects. The defaults do not use them (root_module_needs_no_inputs.tftest.hcl).

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

run "all_of_it" {
  command = plan

  variables {
    architecture              = "x86_64"
    iam_role_path             = "/platform/streams/"
    audit_deletion_protection = true
    vpc_config                = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = ["sg-0123456789abcdef0"] }
  }

  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["x86_64"])
    error_message = "The function must run on this processor."
  }

  assert {
    condition     = one(aws_lambda_function.this.vpc_config).subnet_ids == toset(["subnet-0123456789abcdef0"]) && one(aws_lambda_function.this.vpc_config).security_group_ids == toset(["sg-0123456789abcdef0"])
    error_message = "The function must be in this VPC."
  }

  assert {
    condition     = aws_iam_role.function.path == "/platform/streams/" && aws_iam_role.schedule.path == "/platform/streams/"
    error_message = "Both roles must have this path."
  }

  assert {
    condition     = aws_dynamodb_table.audit.deletion_protection_enabled
    error_message = "The table must be protected."
  }

  # As in AWS's own policy for it, AWSLambdaVPCAccessExecutionRole.
  assert {
    condition = toset(one([for statement in jsondecode(data.aws_iam_policy_document.function.json).Statement : statement.Action if statement.Sid == "AttachToVpc"])) == toset([
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    ])
    error_message = "Lambda attaches the function to the VPC with the permissions of its role."
  }
}
