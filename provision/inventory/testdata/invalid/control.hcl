cluster "c" {
  site = "a\u001b[31mred"
  [31m = 1
}
