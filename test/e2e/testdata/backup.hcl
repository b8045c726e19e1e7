# Three hosts keep etcd and back it up; a fourth, a worker,
# also has the S3 and SFTP servers of the journey.

cluster "backup" {
  version = "1.37.1"
}

ssh {
  user = "root"
}

host "m[1-3]" {
  address = "192.0.2.[11-13]"
  roles   = ["etcd", "master"]
}

host "box" {
  address = "192.0.2.31"
  roles   = ["node"]
}
