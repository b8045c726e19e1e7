# Two more masters with etcd for grow-1.hcl.

host "g[2-3]" {
  address = "10.88.2.[12-13]"
  roles   = ["etcd", "master"]
}
