// Command programs fills a folder with the real programs that tests with the
// tag cluster start, from the operator's store:
//
//	go run ./test/e2e/programs FOLDER INVENTORY
package main
