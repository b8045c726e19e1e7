# One host with every role: the smallest cluster there is. Nothing survives
# the loss of the host, so it is for trying things out.

cluster "single" {
  version = "1.37.1"
}

# A login user who is not root becomes root through sudo. Keys come from
# ssh-agent and ~/.ssh.
ssh {
  user = "ops"
}

host "k1" {
  address = "192.0.2.11"
  roles   = ["etcd", "master", "node"] # master and node: pods run here too
}
