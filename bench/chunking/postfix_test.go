package main

import (
	"errors"
	"os"
	"testing"
)

// A real Postfix takes what every way sends, and nothing is left of it after
// close.
func TestPostfix(t *testing.T) {
	p, err := startPostfix()
	if errors.Is(err, errNoPostfix) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for _, w := range ways {
		s, err := dial(p.addr, letters[0].letter, false)
		if err != nil {
			t.Fatal(err)
		}
		defer s.conn.Close()
		left := 9
		if err := s.run(w, func() bool { left--; return left >= 0 }); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
		if s.out != 9 || s.stored != 9 {
			t.Errorf("%s: %d written, %d confirmed, want 9", w.name, s.out, s.stored)
		}
	}
	dir := p.cmd.Args[len(p.cmd.Args)-1]
	p.close()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after close: %s: %v", dir, err)
	}
}
