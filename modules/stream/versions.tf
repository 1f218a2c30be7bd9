terraform {
  # 1.9 is the first version in which a variable's validation may refer to other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Before 5.81, data.aws_kinesis_stream fails above 1,000 shards.
      version = ">= 5.81"
    }
  }
}
