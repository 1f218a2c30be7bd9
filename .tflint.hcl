# Static checks of Terraform code, run by `make lint` where tflint is found: https://github.com/terraform-linters/tflint
config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}

plugin "aws" {
  enabled = true
  version = "0.38.0"
  source  = "github.com/terraform-linters/tflint-ruleset-aws"
}

# A file is named after what it holds, so modules have more than main.tf.
rule "terraform_standard_module_structure" {
  enabled = false
}
