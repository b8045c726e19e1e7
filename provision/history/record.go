package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode"

	"github.com/klauspost/compress/zstd"
)

// Endings of the names that records have on a host.
const (
	runSuffix     = ".run"   // a Run, by its id
	stepsSuffix   = ".steps" // its Steps
	sourcesSuffix = ".hcl"   // Sources, by their digest
)

// RunName, StepsName and SourcesName are the names of records on a host.
func RunName(id string) string { return id + runSuffix }

// StepsName is where the steps of a run are.
func StepsName(id string) string { return id + stepsSuffix }

// SourcesName is where an inventory is, by its digest.
func SourcesName(digest string) string { return digest + sourcesSuffix }

// errDamaged is what every record ends with that is not as it was written.
var errDamaged = errors.New("damaged")

// errNewer is told of records that a later program understands.
var errNewer = errors.New("written by a newer provision")

// seal puts a checksum in front: a flipped bit must not tell another story.
func seal(content []byte) []byte {
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)), content)
}

func unseal(raw []byte) ([]byte, error) {
	if len(raw) < 10 || raw[8] != ' ' || raw[len(raw)-1] != '\n' {
		return nil, errDamaged
	}
	content := raw[9 : len(raw)-1]
	if !bytes.Equal(seal(content), raw) {
		return nil, errDamaged
	}
	return content, nil
}

// Encode makes the record of a run.
func (r Run) Encode() ([]byte, error) {
	r.Format = Format
	raw, err := json.Marshal(r.bound())
	if err != nil {
		return nil, fmt.Errorf("writing the record of a run: %w", err)
	}
	if len(raw) > maxRun-64 {
		return nil, fmt.Errorf("writing the record of a run: it has %d bytes", len(raw))
	}
	return seal(raw), nil
}

// DecodeRun reads the record of the given name.
func DecodeRun(name string, raw []byte) (Run, error) {
	content, err := unseal(raw)
	if err != nil {
		return Run{}, err
	}
	var version struct{ Format int }
	if err := json.Unmarshal(content, &version); err != nil {
		return Run{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if version.Format > Format {
		return Run{}, fmt.Errorf("%w (format %d, this one knows %d)", errNewer, version.Format, Format)
	}
	var r Run
	if err := strictly(content, &r); err != nil {
		return Run{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if r.Format != Format || !validID(r.ID) || RunName(r.ID) != name {
		return Run{}, errDamaged
	}
	return r, r.sane()
}

// sane refuses what no run of ours says, whatever its checksum.
func (r Run) sane() error {
	switch {
	case r.Sources != "" && !validDigest(r.Sources):
	case r.HostCount < 0 || r.Counts.Done < 0 || r.Counts.Failed < 0 || r.Counts.NotStarted < 0:
	case r.Result != "" && r.Result != Done && r.Result != Incomplete && r.Result != Failed && r.Result != Stopped:
	case strings.ContainsFunc(r.Who+r.From+r.Verb+r.Cluster+r.Target+r.Version, unicode.IsControl):
	default:
		return nil
	}
	return errDamaged
}

func validDigest(text string) bool {
	return len(text) == 64 && !strings.ContainsFunc(text, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// maxPlain bounds what a packed record may unpack to: sixteen megabytes of
// inventory, or the steps of a thousand hosts.
const maxPlain = 64 << 20

func pack(value any) ([]byte, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("writing a record: %w", err)
	}
	writer, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, fmt.Errorf("packing a record: %w", err)
	}
	defer writer.Close()
	return seal(writer.EncodeAll(raw, nil)), nil
}

func unpack(raw []byte, into any) error {
	content, err := unseal(raw)
	if err != nil {
		return err
	}
	reader, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return fmt.Errorf("unpacking a record: %w", err)
	}
	defer reader.Close()
	plain, err := reader.DecodeAll(content, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if err := strictly(plain, into); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// Step is a step of a run's plan.
type Step struct {
	Address string `json:"address"`
	Action  string `json:"action"`
	// Changes are what would become other, one line each; secrets are not told.
	Changes []string `json:"changes,omitempty"`
	// Irreversible: taking it back does not bring back what was.
	Irreversible bool `json:"irreversible,omitempty"`
}

// EncodeSteps packs the steps of a run.
func EncodeSteps(steps []Step) ([]byte, error) { return pack(steps) }

// DecodeSteps unpacks them.
func DecodeSteps(raw []byte) ([]Step, error) {
	var steps []Step
	return steps, unpack(raw, &steps)
}
