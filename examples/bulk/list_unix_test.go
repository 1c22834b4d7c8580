//go:build unix

package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe is copied, for it can be read once only, and the copy removed.
func TestListPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no named pipes here: ", err)
	}
	go func() {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			io.WriteString(w, "a@x.example\n")
			w.Close()
		}
	}()
	l, err := openList(path, listOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := readAll(l); err != nil || len(got) != 1 {
			t.Errorf("got %q, %v", got, err)
		}
	}
	copied := l.file.Name()
	if err := l.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(copied); !os.IsNotExist(err) {
		t.Errorf("the copy is still there: %v", err)
	}
}
