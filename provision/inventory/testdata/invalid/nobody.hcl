cluster "c" {}

host "n1" {
  address = "10.0.0.1"
  roles   = ["node"]
}
