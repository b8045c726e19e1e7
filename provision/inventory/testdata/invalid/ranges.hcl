cluster "c" {}

host "m[1-3]" {
  address = "10.0.0.[1-2]"
  roles   = ["etcd", "master", "node"]
}

host "n[1-" {
  address = "10.0.0.9"
  roles   = ["node"]
}

host "p[01-9]" {
  address = "10.0.0.[1-9]"
  roles   = ["node"]
}

host "q[9-1]" {
  address = "10.0.0.[1-9]"
  roles   = ["node"]
}

host "r[1-999999999]" {
  address = "10.0.0.[1-999999999]"
  roles   = ["node"]
}

host "s[1-2]-[1-2]" {
  address = "10.0.0.[1-4]"
  roles   = ["node"]
}

host "t[250-260]" {
  address = "10.0.3.[250-260]"
  roles   = ["node"]
}
