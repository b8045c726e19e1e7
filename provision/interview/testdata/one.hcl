# Written by provision init. Everything else has defaults: docs/inventory.md
# names all settings. Check the file after editing: provision validate FILE

cluster "lab" {
  environment = "test"
}

# How the hosts are reached. Keys come from ssh-agent and ~/.ssh.
ssh {
  user = "root"
}

# Masters that run pods, too.
host "master-1" {
  address = "192.0.2.11"
  roles   = ["etcd", "master", "node"]
}
