cluster "c" {
  site = 1e999999999
}
