package fleet

import "sync"

// Each runs do for every name at once and returns the errors by name.
func Each(names []string, do func(name string) error) map[string]error {
	var mu sync.Mutex
	errs := map[string]error{}
	Spread(names, func(name string) {
		if err := do(name); err != nil {
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		}
	})
	return errs
}

// wide bounds how many hosts are talked to at once: enough to hide round trips,
// few enough that on a busy machine the heartbeats of all sessions get their
// turn between the answers.
const wide = 256

// Spread runs do for every item, wide at once, and waits for all.
func Spread[T any](list []T, do func(item T)) {
	slots := make(chan struct{}, wide)
	var all sync.WaitGroup
	for _, item := range list {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(item)
		})
	}
	all.Wait()
}
