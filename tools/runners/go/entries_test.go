package main

import (
	"bytes"
	"slices"
	"testing"

	v1 "github.com/loadgrpc/loadgrpc/tools/runners/go/gen/loadgrpc/v1"
)

// A column is as wide as its greatest value, and empty when all are zero.
func TestColumn(t *testing.T) {
	for _, of := range []struct {
		values   []int64
		expected []byte
	}{
		{[]int64{0, 0}, nil},
		{[]int64{1, 255}, []byte{1, 255}},
		{[]int64{1, 256}, []byte{1, 0, 0, 1}},
		{[]int64{1 << 16}, []byte{0, 0, 1, 0}},
		{[]int64{1 << 32}, []byte{0, 0, 0, 0, 1, 0, 0, 0}},
	} {
		found := column(of.values, func(value *int64) int64 { return *value })
		if !bytes.Equal(found, of.expected) {
			t.Errorf("%v became %v, not %v", of.values, found, of.expected)
		}
	}
}

// What hits have in common is written once, and times count from the earliest start.
func TestHitBlock(t *testing.T) {
	ok := hitLabel{name: "/a", status: 200}
	bad := hitLabel{name: "/a", status: 500, failed: true}
	block := entries{hits: []hit{
		{label: ok, start: 20, elapsed: 7, url: "/a?1"},
		{label: bad, start: 10, elapsed: 300},
		{label: ok, start: 11, elapsed: 8, url: "/a?1"},
	}}.encode().HitBlocks[0]

	good, failed := block.Labels[0], block.Labels[1]
	if len(block.Labels) != 2 || failed.Status != 500 || !*failed.Failed || *good.Failed {
		t.Errorf("labels are %v", block.Labels)
	}
	if !bytes.Equal(block.Label, []byte{0, 1, 0}) || !bytes.Equal(block.StartNs, []byte{10, 0, 1}) {
		t.Errorf("labels are %v, starts %v", block.Label, block.StartNs)
	}
	if !bytes.Equal(block.ElapsedNs, []byte{7, 0, 44, 1, 8, 0}) {
		t.Errorf("elapsed is %v", block.ElapsedNs)
	}
	if !slices.Equal(block.Urls, []string{"/a?1"}) || !bytes.Equal(block.Url, []byte{1, 0, 1}) {
		t.Errorf("URLs are %v, %v", block.Urls, block.Url)
	}
}

// Wherever entries are cut, both parts together are what they were, in order.
func TestCut(t *testing.T) {
	all := entries{
		rows:       []*v1.Event{{}, {}},
		hits:       []hit{{user: 1}, {user: 2}, {user: 3}},
		iterations: []iteration{{user: 4}, {user: 5}},
	}
	for at := range int(all.count()) + 1 {
		head, tail := all.cut(at)
		if head.count() != uint64(at) || head.count()+tail.count() != all.count() {
			t.Fatalf("cut at %d: %d and %d", at, head.count(), tail.count())
		}
		if !slices.Equal(append(head.hits, tail.hits...), all.hits) {
			t.Errorf("cut at %d: hits are %v and %v", at, head.hits, tail.hits)
		}
		if len(head.hits) > 0 && len(head.rows) < len(all.rows) {
			t.Errorf("cut at %d: hits before rows", at)
		}
	}
}
