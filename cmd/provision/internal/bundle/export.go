package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"provision/cmd/provision/internal/cli"
	"provision/provision/bundle"
	"provision/provision/bundle/pull"
	"provision/provision/bundle/store"
	"provision/provision/report"
)

func exportVerb(g *cli.Global) *cobra.Command {
	var hosts kindOfHosts
	cmd := &cobra.Command{
		Use:   "export FOLDER | FILE.tar",
		Short: "Write artifacts to a folder or a tar archive, to carry elsewhere",
		Long: `Writes artifacts from the store and checks each: those that an inventory needs
(-i), else all. Use a folder with "bundle pull --from", or serve it as a mirror
from any web server. Use a tar archive with "bundle import". A site without
internet needs nothing else.`,
		Example: `  provision bundle export /media/usb/dc1
  provision bundle export dc1.tar -i inventories/dc1.hcl`,
		Args: cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			var refs []bundle.Ref
			if len(g.Inventory) > 0 {
				inv, err := g.Load(cmd.Context(), nil)
				if err != nil {
					return err
				}
				if refs, err = needed(inv, hosts); err != nil {
					return err
				}
			}
			return export(g, opened, args[0], refs)
		},
	}
	hosts.flags(cmd)
	return cmd
}

func export(g *cli.Global, opened *store.Store, path string, refs []bundle.Ref) error {
	count := len(refs)
	if count == 0 {
		records, err := opened.List()
		if err != nil {
			return err
		}
		if count = len(records); count == 0 {
			return fmt.Errorf("cannot export: the store %s is empty; run provision bundle pull first", opened.Dir())
		}
	}
	write := opened.Export
	if strings.HasSuffix(path, ".tar") {
		write = func(path string, refs ...bundle.Ref) error { return exportTar(opened, path, refs) }
	}
	if err := write(path, refs...); err != nil {
		return err
	}
	if g.JSON {
		return report.JSON(g.Out, struct {
			Path      string `json:"path"`
			Artifacts int    `json:"artifacts"`
		}{path, count})
	}
	fmt.Fprintf(g.Out, "%d artifacts are in %s.\n", count, path)
	return nil
}

// exportTar writes the archive so that a half-written one never has its name.
func exportTar(opened *store.Store, path string, refs []bundle.Ref) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := opened.ExportTar(file, refs...); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("exporting artifacts: %w", err)
	}
	return nil
}

func importVerb(g *cli.Global) *cobra.Command {
	return &cobra.Command{
		Use:   "import FOLDER | FILE.tar",
		Short: "Import an export into the store",
		Long: `Imports a folder or tar archive that "bundle export" wrote. Every byte is checked
against the export's index, and the index against what this provision has locked.`,
		Example: "  provision bundle import /media/usb/dc1\n  provision bundle import dc1.tar",
		Args:    cli.Exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opened, err := store.Open(store.Options{})
			if err != nil {
				return err
			}
			return g.Obtain(opened, func(progress func(pull.Event)) error {
				return pull.Import(cmd.Context(), opened, args[0], pull.Options{}, progress)
			})
		},
	}
}
