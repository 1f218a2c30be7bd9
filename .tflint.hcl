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

# It asks every root for a variables.tf and an outputs.tf, and the roots that tests apply are a single file.
rule "terraform_standard_module_structure" {
  enabled = false
}
