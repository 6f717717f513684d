package main

import (
	"os"
	"path/filepath"
	"syscall"
	"unsafe"
)

const producedBytes = 16

// produced counts what the runner has produced, events and hits, in memory that outlives it:
// so what is lost with a runner that is killed is known exactly.
type produced struct {
	events, hits uint64
}

// openProduced counts in a folder; without one, or where that is not possible, for nobody.
func openProduced(folder string) *produced {
	if folder == "" {
		return &produced{}
	}
	path := filepath.Join(folder, "produced")
	if err := os.WriteFile(path, make([]byte, producedBytes), 0o600); err != nil {
		return &produced{}
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return &produced{}
	}
	defer file.Close()
	memory, err := syscall.Mmap(
		int(file.Fd()), 0, producedBytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return &produced{}
	}
	return (*produced)(unsafe.Pointer(&memory[0]))
}
