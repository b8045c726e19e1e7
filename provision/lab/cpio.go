package lab

import (
	"bytes"
	"fmt"
)

// cpioFile is a file of an initial root file system.
type cpioFile struct {
	Name string
	Mode uint32 // with the type of the file
	Data []byte
}

// cpio writes an archive as the kernel unpacks it ("newc").
func cpio(files []cpioFile) []byte {
	var b bytes.Buffer
	pad := func() {
		for b.Len()%4 != 0 {
			b.WriteByte(0)
		}
	}
	for i, f := range append(files, cpioFile{Name: "TRAILER!!!"}) {
		var major, minor int
		if f.Name == "dev/console" {
			major, minor = 5, 1
		}
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
			i+1, f.Mode, 0, 0, 1, 0, len(f.Data), 0, 0, major, minor, len(f.Name)+1, 0)
		b.WriteString(f.Name + "\x00")
		pad()
		b.Write(f.Data)
		pad()
	}
	return b.Bytes()
}
