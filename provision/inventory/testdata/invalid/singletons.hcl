cluster "c" {}

network {
  pods = "10.32.0.0/12"
}

network {
  services = "10.96.0.0/16"
}

cluster "d" {}

kubernetes {
  audit_log {}
  audit_log {}
}

addon "coredns" {}
addon "coredns" {}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
