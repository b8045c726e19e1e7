// Package bench measures provision against the figures that it promises and
// prints tables; nothing here passes or fails on time. Run it with:
//
//	go test -tags bench -v -timeout 60m ./test/bench
package bench
