cluster "c" {}

network {
  pods        = "10.32.0.0/22"
  services    = "10.96.0.0/28"
  dns_address = "10.97.0.10"
}

host "a[1-5]" {
  address = "10.0.0.[1-5]"
  roles   = ["etcd", "master", "node"]
}
