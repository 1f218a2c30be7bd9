# Static checks of Terraform code, run by `make lint` if tflint is installed: https://github.com/terraform-linters/tflint
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

# It requires a variables.tf and an outputs.tf in every root, but the tests' roots are single files.
rule "terraform_standard_module_structure" {
  enabled = false
}
