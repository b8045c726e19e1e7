// Command stale lists the soaks with the commits that they ran on, and says
// which results are stale. make test ends with it. With -update FILE it writes
// the list into that page, between the lines that name it.
package main
