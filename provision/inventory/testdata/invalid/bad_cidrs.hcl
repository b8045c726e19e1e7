cluster "c" {}

network {
  pods        = "10.32.0.1/12"
  services    = "10.96.0.0"
  dns_address = "ten"
  node_prefix = 200
  keep_source = ["10.9.0.1/16"]
}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
