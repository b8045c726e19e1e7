package etcdbackup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"provision/provision/etcd/backup"
	"provision/provision/inventory"
)

// Warnings say what is wrong with the backups of an inventory that wants some: the
// newest verified one is too old, a target fails, or the newest slot has problems.
// get reads a key of etcd. What cannot be read is said by those who ask etcd how it
// is.
func Warnings(ctx context.Context, inv *inventory.Inventory, get func(ctx context.Context, key string) ([]byte, error), now time.Time) []string {
	settings := SettingsOf(inv)
	if len(settings.Targets) == 0 {
		return nil
	}
	raw, err := get(ctx, backup.ResultKey)
	if err != nil {
		return nil
	}
	result, known := backup.ParseResult(raw)
	if !known {
		return []string{"no backup of etcd has been taken yet, or its result cannot be read"}
	}
	return late(result, settings.MaxAge, now)
}

// TooOld says that the newest verified backup is older than max_age, or that there
// is none; "" when all is well.
func TooOld(newest time.Time, limit time.Duration, now time.Time) string {
	switch age := now.Sub(newest); {
	case newest.IsZero():
		return "no verified backup of etcd is at any target"
	case age > limit:
		return fmt.Sprintf("the newest verified backup of etcd is %s old, and max_age is %s", age.Round(time.Minute), limit)
	}
	return ""
}

func late(r backup.Result, limit time.Duration, now time.Time) []string {
	var newest time.Time
	var list []string
	for _, name := range slices.Sorted(maps.Keys(r.Targets)) {
		t := r.Targets[name]
		if t.Newest.After(newest) {
			newest = t.Newest
		}
		if t.Error != "" {
			list = append(list, fmt.Sprintf("backup target %s: %s", name, t.Error))
		}
	}
	if text := TooOld(newest, limit, now); text != "" {
		list = slices.Insert(list, 0, text)
	}
	for _, problem := range r.Problems {
		list = append(list, "backup of etcd: "+problem)
	}
	return list
}
