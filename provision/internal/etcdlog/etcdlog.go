package etcdlog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Owner is whose data they are. Ids are hexadecimal, as etcdctl prints them.
type Owner struct{ Member, Cluster string }

// Files is what Read needs of a file system.
type Files interface {
	ReadDir(path string) ([]fs.DirEntry, error)
	Open(path string) (io.ReadCloser, error)
}

// Read tells whose log is in a folder; false when there is none. The newest
// segment is the last one to go.
func Read(files Files, folder string) (Owner, bool, error) {
	entries, err := files.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return Owner{}, false, nil
	}
	if err != nil {
		return Owner{}, false, fmt.Errorf("looking for etcd's log: %w", err)
	}
	last := ""
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".wal") && name > last {
			last = name
		}
	}
	if last == "" {
		return Owner{}, false, nil
	}
	file, err := files.Open(path.Join(folder, last))
	if err != nil {
		return Owner{}, true, fmt.Errorf("opening etcd's log: %w", err)
	}
	defer file.Close()
	owner, err := Parse(file)
	return owner, true, err
}

// Types of records.
const (
	metadataType = 1
	crcType      = 4
)

const (
	maxRecord  = 1 << 10 // of the first two, which have a few bytes
	maxRecords = 4
)

var errNoOwner = errors.New("reading etcd's log: it does not say whose it is")

// Parse reads the beginning of a segment.
func Parse(in io.Reader) (Owner, error) {
	buffered := bufio.NewReaderSize(io.LimitReader(in, maxRecords*(maxRecord+16)), maxRecord)
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := uint32(0)
	for range maxRecords {
		r, err := next(buffered)
		if err != nil {
			return Owner{}, err
		}
		sum = crc32.Update(sum, table, r.data)
		switch {
		case r.kind == crcType:
			sum = r.crc // it goes on from the segment before
		case r.crc != sum:
			return Owner{}, errors.New("reading etcd's log: its beginning is damaged")
		case r.kind == metadataType:
			return owner(r.data)
		}
	}
	return Owner{}, errNoOwner
}

// record is walpb.Record.
type record struct {
	kind uint64
	crc  uint32
	data []byte
}

// next reads a record: its length, with the number of bytes that fill it up to
// a multiple of eight in the highest byte, and itself.
func next(in io.Reader) (record, error) {
	var head uint64
	if err := binary.Read(in, binary.LittleEndian, &head); err != nil {
		return record{}, fmt.Errorf("reading etcd's log: %w", err)
	}
	size, fill := head&(1<<56-1), uint64(0)
	if head>>63 == 1 {
		fill = head >> 56 & 7
	}
	if size == 0 || size > maxRecord {
		return record{}, errNoOwner
	}
	raw := make([]byte, size+fill)
	if _, err := io.ReadFull(in, raw); err != nil {
		return record{}, fmt.Errorf("reading etcd's log: %w", err)
	}
	var r record
	err := fields(raw[:size], func(number, value uint64, bytes []byte) {
		switch number {
		case 1:
			r.kind = value
		case 2:
			r.crc = uint32(value)
		case 3:
			r.data = bytes
		}
	})
	return r, err
}

// owner reads etcdserverpb.Metadata.
func owner(raw []byte) (Owner, error) {
	var member, cluster uint64
	err := fields(raw, func(number, value uint64, _ []byte) {
		switch number {
		case 1:
			member = value
		case 2:
			cluster = value
		}
	})
	if err == nil && (member == 0 || cluster == 0) {
		err = errNoOwner
	}
	if err != nil {
		return Owner{}, err
	}
	return Owner{strconv.FormatUint(member, 16), strconv.FormatUint(cluster, 16)}, nil
}

// fields reads a protocol buffer of numbers and byte strings.
func fields(raw []byte, take func(number, value uint64, bytes []byte)) error {
	for len(raw) > 0 {
		key, n := binary.Uvarint(raw)
		if n <= 0 {
			return errNoOwner
		}
		value, m := binary.Uvarint(raw[n:])
		if m <= 0 {
			return errNoOwner
		}
		raw = raw[n+m:]
		switch key & 7 {
		case 0:
			take(key>>3, value, nil)
		case 2:
			if value > uint64(len(raw)) {
				return errNoOwner
			}
			take(key>>3, 0, raw[:value])
			raw = raw[value:]
		default:
			return errNoOwner
		}
	}
	return nil
}

// Segment is the beginning of a log, as etcd writes it: for hosts that are made
// up.
func Segment(member, cluster uint64) []byte {
	data := binary.AppendUvarint([]byte{1 << 3}, member)
	data = binary.AppendUvarint(append(data, 2<<3), cluster)
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	second := binary.AppendUvarint([]byte{1 << 3, metadataType, 2 << 3}, uint64(sum))
	second = append(binary.AppendUvarint(append(second, 3<<3|2), uint64(len(data))), data...)
	return append(frame([]byte{1 << 3, crcType, 2 << 3, 0}), frame(second)...)
}

func frame(raw []byte) []byte {
	head := uint64(len(raw))
	fill := (8 - len(raw)%8) % 8
	if fill > 0 {
		head |= uint64(0x80|fill) << 56
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, head), raw...), make([]byte, fill)...)
}
