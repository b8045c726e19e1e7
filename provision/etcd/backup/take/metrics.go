package take

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"provision/provision/etcd/backup"
	"provision/provision/etcd/backup/config"
)

// metrics writes what node_exporter's textfile collector reads; failed is why
// the result could not be asked for. A folder that cannot be written is no
// reason to fail a backup.
func (s *session) metrics(r backup.Result, failed error) {
	if s.Config.Metrics == "" || s.Config.DataDir == "" {
		return
	}
	text := s.figures(r, failed)
	name := filepath.Join(s.Config.Metrics, config.MetricsFile)
	err := os.MkdirAll(s.Config.Metrics, 0o755)
	if err == nil {
		err = replace(name, func(to io.Writer) error {
			_, err := io.WriteString(to, text)
			return err
		})
	}
	if err == nil {
		err = os.Chmod(name, 0o644) // node_exporter is not root
	}
	if err != nil {
		s.say("metrics: %s", oneLine(err))
	}
}

func (s *session) figures(r backup.Result, failed error) string {
	var b strings.Builder
	metric := func(name, help string, value func(t backup.TargetResult) float64) {
		fmt.Fprintf(&b, "# HELP provision_etcd_backup_%s %s\n# TYPE provision_etcd_backup_%s gauge\n", name, help, name)
		for _, spec := range s.Config.Targets {
			fmt.Fprintf(&b, "provision_etcd_backup_%s{target=%q} %g\n", name, spec.Name, value(r.Targets[spec.Name]))
		}
	}
	single := func(name, help string, value float64) {
		fmt.Fprintf(&b, "# HELP provision_etcd_backup_%s %s\n# TYPE provision_etcd_backup_%s gauge\nprovision_etcd_backup_%s %g\n", name, help, name, name, value)
	}
	truth := map[bool]float64{true: 1}
	single("etcd_answers", "Whether etcd could be asked for the newest result.", truth[failed == nil])
	single("max_age_seconds", "How old the newest verified backup may be.", s.Config.MaxAge.Seconds())
	if failed != nil {
		return b.String()
	}
	single("slot_timestamp_seconds", "When the newest slot was due.", stamp(r))
	single("duration_seconds", "What taking and proving the newest backup took.", r.Took)
	single("problems", "Problems of the newest slot that are not those of one target.", float64(len(r.Problems)))
	metric("newest_verified_timestamp_seconds", "Slot of the newest verified backup; its age is time() minus this.", func(t backup.TargetResult) float64 {
		if t.Newest.IsZero() {
			return 0
		}
		return float64(t.Newest.Unix())
	})
	metric("size_bytes", "Size of the newest verified backup.", func(t backup.TargetResult) float64 { return float64(t.Size) })
	metric("store_duration_seconds", "What storing and reading back took.", func(t backup.TargetResult) float64 { return t.Took })
	metric("result", "1 when the newest slot's backup is there and nothing is damaged.", func(t backup.TargetResult) float64 {
		return truth[t.Error == "" && !t.Newest.IsZero() && !t.Newest.Before(r.Slot)]
	})
	return b.String()
}

func stamp(r backup.Result) float64 {
	if r.Slot.IsZero() {
		return 0
	}
	return float64(r.Slot.Unix())
}
