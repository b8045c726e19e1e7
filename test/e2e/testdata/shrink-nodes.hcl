# The workers of shrink-masters.hcl.

host "n[1-2]" {
  address = "10.88.3.[21-22]"
  roles   = ["node"]
}
