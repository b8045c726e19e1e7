# A third worker for inventories/small.hcl.
host "node-3" {
  address = "192.0.2.23"
  roles   = ["node"]
}
