package main

import (
	"fmt"
	"io"
	"os"
	"sync"
)

// Control sequences (ECMA-48, and DEC private mode 7): a line that is too wide
// is cut off rather than continued on the next, where it could not be erased.
const (
	eraseLine = "\r\x1b[K"
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
)

// console is stderr: messages, and on a terminal a last line that changes. It
// is safe for concurrent use.
type console struct {
	terminal bool

	mu     sync.Mutex
	w      io.Writer
	status bool // the last line is a status
}

func newConsole(w io.Writer) *console {
	c := &console{w: w}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		c.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return c
}

// Write prints whole lines above the status.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearLocked()
	return c.w.Write(p)
}

// print prints one message; without a console to print to there is nobody to
// tell.
func (c *console) print(format string, args ...any) {
	fmt.Fprintf(c, "bulk: "+format+"\n", args...)
}

// setStatus replaces the status; where lines cannot be erased it is one more.
func (c *console) setStatus(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.terminal {
		fmt.Fprintln(c.w, line)
		return
	}
	c.clearLocked()
	fmt.Fprint(c.w, wrapOff, line, wrapOn)
	c.status = true
}

// clearStatus erases the status.
func (c *console) clearStatus() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearLocked()
}

func (c *console) clearLocked() {
	if c.status {
		fmt.Fprint(c.w, eraseLine)
		c.status = false
	}
}
