clutser "c" {}

cluster "c" {
  versoin = "1.37.1"
  versions {
    ectd = "3.7.3"
  }
  network {}
}

network {
  proxy_mode = "nftable"
  plugin "flanel" {}
}

ssh "x" {
  user = "root"
}

kubernetes {
  audit_log = {}
  cgroup_driver {}
}

host "a" {
  adress = "10.0.0.1"
  roles  = ["etdc", "master", "node"]
}

wholly_unlike_anything = 1
