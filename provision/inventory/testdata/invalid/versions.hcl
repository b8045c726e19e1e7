cluster "c" {
  version = "v1.37.1"
  versions {
    etcd       = "3.7"
    containerd = "latest"
    runc       = 1.5
  }
}

host "a" {
  address = "10.0.0.1"
  roles   = ["etcd", "master", "node"]
}
