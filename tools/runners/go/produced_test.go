package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// What is counted stands in the file at once, as two integers of 64 bits.
func TestProduced(t *testing.T) {
	folder := t.TempDir()
	counts := openProduced(folder)
	counts.events += 7
	counts.hits += 3

	data, err := os.ReadFile(filepath.Join(folder, "produced"))
	if err != nil || len(data) != producedBytes {
		t.Fatalf("the file has %d bytes (%v)", len(data), err)
	}
	events, hits := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
	if events != 7 || hits != 3 {
		t.Errorf("the file has %d events and %d hits", events, hits)
	}
}

// Where there is no folder it counts for nobody.
func TestProducedNowhere(t *testing.T) {
	openProduced("").events++
	openProduced(filepath.Join(t.TempDir(), "missing")).events++
}
