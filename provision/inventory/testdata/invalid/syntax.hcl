cluster "c" {
  version = 
}
network {
