package system

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
)

// systemdUnits talks to process 1 over its private socket: no message bus has
// to run. The connection is made at first use; runner reads the journal.
type systemdUnits struct {
	runner Runner
	point  func(string)

	mutex sync.Mutex
	conn  *dbus.Conn
	// edited are units that were enabled or disabled since systemd last read
	// everything: what it says of that is old.
	edited map[string]bool

	reloads reloads
}

func (u *systemdUnits) connect() (*dbus.Conn, error) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.conn != nil && u.conn.Connected() {
		return u.conn, nil
	}
	// The connection outlives the request that needs it first.
	conn, err := dbus.NewSystemdConnectionContext(context.Background())
	if err != nil {
		return nil, fmt.Errorf("connecting to systemd: %w", err)
	}
	u.conn = conn
	return conn, nil
}

func (u *systemdUnits) Status(ctx context.Context, unit string) (UnitStatus, error) {
	conn, err := u.connect()
	if err != nil {
		return UnitStatus{}, err
	}
	// What all units have; the 250 properties of a service cost systemd more
	// than everything else that is asked of it.
	properties, err := conn.GetUnitPropertiesContext(ctx, unit)
	if err != nil {
		return UnitStatus{}, fmt.Errorf("reading unit %s: %w", unit, err)
	}
	status := unitStatus(properties)
	if status.UnitFileState != "" && u.isEdited(unit) {
		status.UnitFileState, err = fileState(ctx, conn, unit)
	}
	return status, err
}

// fileState is what the links on disk say, whatever systemd has read.
func fileState(ctx context.Context, conn *dbus.Conn, unit string) (string, error) {
	files, err := conn.ListUnitFilesByPatternsContext(ctx, nil, []string{unit})
	if err != nil {
		return "", fmt.Errorf("reading unit file %s: %w", unit, err)
	}
	for _, file := range files {
		if path.Base(file.Path) == unit {
			return file.Type, nil
		}
	}
	return "", nil
}

// unitStatus reads the properties of a unit; a missing one is its zero value.
func unitStatus(properties map[string]any) UnitStatus {
	text := func(name string) string { value, _ := properties[name].(string); return value }
	status := UnitStatus{
		LoadState: text("LoadState"), ActiveState: text("ActiveState"), SubState: text("SubState"),
		UnitFileState: text("UnitFileState"), FragmentPath: text("FragmentPath"),
	}
	status.NeedReload, _ = properties["NeedDaemonReload"].(bool)
	status.DropIns, _ = properties["DropInPaths"].([]string)
	if since, _ := properties["ActiveEnterTimestamp"].(uint64); since > 0 {
		status.Since = time.UnixMicro(int64(since)).UTC()
	}
	if raw, ok := properties["InvocationID"].([]byte); ok {
		status.InvocationID = hex.EncodeToString(raw)
	}
	if strings.Trim(status.InvocationID, "0") == "" {
		status.InvocationID = ""
	}
	return status
}

type jobFunc func(conn *dbus.Conn, ctx context.Context, unit, mode string, ch chan<- string) (int, error)

// job queues a job and waits for systemd to tell its result.
func (u *systemdUnits) job(ctx context.Context, verb, unit string, queue jobFunc) error {
	conn, err := u.connect()
	if err != nil {
		return err
	}
	done := make(chan string, 1)
	if _, err := queue(conn, ctx, unit, "replace", done); err != nil {
		return fmt.Errorf("%s %s: %w", verb, unit, err)
	}
	u.point("unit:queued " + verb + " " + unit)
	select {
	case result := <-done:
		if result == "done" || result == "skipped" {
			return nil
		}
		return u.failed(ctx, verb, unit, result)
	case <-ctx.Done():
		return fmt.Errorf("%s %s: %w", verb, unit, ctx.Err())
	}
}

// failed is the error of a job, with what the unit logged last.
func (u *systemdUnits) failed(ctx context.Context, verb, unit, result string) error {
	text := fmt.Sprintf("%s %s: job %s", verb, unit, result)
	if status, err := u.Status(ctx, unit); err == nil {
		text += fmt.Sprintf(" (%s/%s)", status.ActiveState, status.SubState)
	}
	log, err := u.runner.Run(ctx, Command{Argv: []string{"journalctl", "--no-pager", "-o", "cat", "-n", "20", "-u", unit}})
	if err != nil {
		return errors.Join(errors.New(text), err)
	}
	return &UnitError{Unit: unit, Message: text, Log: strings.TrimSpace(string(log.Stdout))}
}

func (u *systemdUnits) Start(ctx context.Context, unit string) error {
	return u.job(ctx, "starting", unit, (*dbus.Conn).StartUnitContext)
}

func (u *systemdUnits) StartNoWait(ctx context.Context, unit string) error {
	conn, err := u.connect()
	if err != nil {
		return err
	}
	if _, err := conn.StartUnitContext(ctx, unit, "replace", nil); err != nil {
		return fmt.Errorf("starting %s: %w", unit, err)
	}
	return nil
}

func (u *systemdUnits) Stop(ctx context.Context, unit string) error {
	return u.job(ctx, "stopping", unit, (*dbus.Conn).StopUnitContext)
}

func (u *systemdUnits) Restart(ctx context.Context, unit string) error {
	return u.job(ctx, "restarting", unit, (*dbus.Conn).RestartUnitContext)
}

func (u *systemdUnits) Reload(ctx context.Context, unit string) error {
	return u.job(ctx, "reloading", unit, (*dbus.Conn).ReloadUnitContext)
}
