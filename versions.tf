terraform {
  # 1.9 is the first version in which a variable's validation may refer to other variables.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 5.76 is the first release that accepts the runtime python3.13 (5.75.1 refuses it at plan time).
      version = ">= 5.76"
    }
  }
}
