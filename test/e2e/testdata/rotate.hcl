# Three hosts that are everything: the fewest on which nothing need stop while
# each of their programs restarts.

cluster "rotate" {
  version = "1.37.1"
}

host "r[1-3]" {
  address = "10.88.9.[11-13]"
  roles   = ["etcd", "master", "node"]
}
