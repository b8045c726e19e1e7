cluster "c" {
  api_address = "1.2.3"
}

ssh {
  port            = 70000
  user            = "a b"
  password_env    = "my secret!"
  connect_timeout = "10"
  bastion {
    port = "x"
  }
}

etcd {
  heartbeat_interval = "500ms"
  election_timeout   = "1s"
  data_dir           = "var/lib/etcd"
  quota_bytes        = 1
  args               = { "--debug" = "true" }
}

pki {
  ca_life   = "8760h"
  leaf_life = "87600h"
}

os {
  swap    = "on"
  sysctls = { "rm -rf" = "1" }
  modules = ["../x"]
}

kubernetes {
  kubelet          = ["a"]
  registry_mirrors = { "docker.io" = ["mirror"] }
}

host "a[1-2]" {
  address  = "10.0.0.[1-2]"
  roles    = ["etcd", "master", "node", "node"]
  host_key = "ssh-ed25519 AAAA"
}
