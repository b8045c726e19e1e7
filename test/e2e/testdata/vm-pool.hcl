# What a pool can set, for the virtual machine of vm.hcl: a container's huge
# pages would be this machine's.

kubelet "exclusive" {
  roles                   = ["node"]
  cpu_manager_policy      = "static"
  topology_manager_policy = "single-numa-node"
  memory_manager_policy   = "Static"
  reserved_cpus           = "0"
  reserved_memory         = { "0" = "712Mi" }
  system_reserved         = { memory = "256Mi" }
  kube_reserved           = { memory = "256Mi" }
  huge_pages              = { "2Mi" = 64 }
}
