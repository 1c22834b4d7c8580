package main

import (
	"slices"
	"strings"
	"testing"
)

func TestRewrite(t *testing.T) {
	const source = `package p
import "sync"
type T struct {
	a int
	mu sync.Mutex
	sync.RWMutex
	inner struct { lock sync.Mutex }
}
var global sync.Mutex
func f() { var local sync.Mutex; local.Lock() }
`
	text, names, err := rewrite("p.go", source, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"p.T.mu", "p.T", "p.T.inner.lock", "p.global", "p.f.local"}
	if !slices.Equal(names, want) {
		t.Errorf("names are %q, want %q", names, want)
	}
	for _, part := range []string{"mu lockcount.Mutex3\n", "\tlockcount.Mutex4\n", "lock lockcount.Mutex5 }", "global lockcount.Mutex6\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("the rewritten file lacks %q:\n%s", part, text)
		}
	}
	if strings.Contains(text, "sync.Mutex") || strings.Contains(text, "sync.RWMutex") {
		t.Errorf("the rewritten file has a mutex of sync's left:\n%s", text)
	}
}

// TestMeasure builds and runs the copy: it fails when cost no longer compiles
// with counting mutexes.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a copy of the checkout")
	}
	if err := measure("../..", []string{"send", "-n", "100"}); err != nil {
		t.Error(err)
	}
}
