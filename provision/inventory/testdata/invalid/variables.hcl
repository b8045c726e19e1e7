variable "none" {}

variable "count" {
  type    = number
  default = "many"
}

variable "count" {}

variable "secret" {
  default   = "hunter2"
  sensitive = true
}

locals {
  a = local.b
  b = local.c
  c = local.a
  d = var.cuont
}

cluster "c" {
  site        = var.secret
  environment = "${upper(var.secret)}-x"
  api_address = cidrhost(var.secret, 1)
}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
