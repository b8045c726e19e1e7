# A pool of workers with CPUs for pods of their own, for inventories/small.hcl.

kubelet "exclusive" {
  roles              = ["node"]
  cpu_manager_policy = "static"
  reserved_cpus      = "0"
}
