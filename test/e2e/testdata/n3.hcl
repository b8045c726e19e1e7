# A third worker for inventories/lab.hcl.
host "n3" {
  address = "10.88.0.23"
  roles   = ["node"]
}
