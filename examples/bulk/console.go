package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Control sequences (ECMA-48, and DEC private mode 7): a line that is wider than
// it seems is cut off rather than continued on the next, where it could not be
// erased.
const (
	eraseLine = "\r\x1b[K"
	lineUp    = "\x1b[A"
	wrapOff   = "\x1b[?7l"
	wrapOn    = "\x1b[?7h"
)

// defaultWidth is the width of a terminal that does not tell its own.
const defaultWidth = 80

// console is stderr: messages, and on a terminal some last lines that change. It
// is safe for concurrent use.
type console struct {
	terminal bool       // whether lines can be erased
	dumb     bool       // a terminal where they cannot
	width    func() int // columns of the terminal

	mu     sync.Mutex // held while lines are written: they must not mix
	w      io.Writer
	status int // the last lines that are a status
}

func newConsole(w io.Writer) *console {
	c := &console{w: w, width: func() int { return defaultWidth }}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		device := err == nil && info.Mode()&os.ModeCharDevice != 0
		c.terminal = device && erases(os.Getenv("TERM"))
		c.dumb = device && !c.terminal
		c.width = func() int { return terminalWidth(file) }
	}
	return c
}

// erases reports whether a terminal of a kind can erase lines. One that does not say
// its kind cannot, except where none ever does.
func erases(kind string) bool {
	switch kind {
	case "dumb", "unknown":
		return false
	case "":
		return runtime.GOOS == "windows"
	}
	return true
}

// Write prints whole lines above the status.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearLocked()
	_, err := io.WriteString(c.w, printable(string(p)))
	return len(p), err
}

// print prints one message; without a console to print to there is nobody to
// tell.
func (c *console) print(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\nbulk: ")
	fmt.Fprintf(c, "bulk: %s\n", text)
}

// setStatus replaces the status; where lines cannot be erased it is one more
// line.
func (c *console) setStatus(lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.terminal {
		fmt.Fprintln(c.w, printable(strings.Join(lines, "; ")))
		return
	}
	c.clearLocked()
	width := c.width()
	for i, line := range lines {
		lines[i] = cut(printable(line), width)
	}
	fmt.Fprint(c.w, wrapOff, strings.Join(lines, "\r\n"), wrapOn)
	c.status = len(lines)
}

// clearStatus erases the status.
func (c *console) clearStatus() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearLocked()
}

func (c *console) clearLocked() {
	for ; c.status > 0; c.status-- {
		fmt.Fprint(c.w, eraseLine)
		if c.status > 1 {
			fmt.Fprint(c.w, lineUp)
		}
	}
}

// cut shortens a line to a width in characters.
func cut(line string, width int) string {
	letters := []rune(line)
	if len(letters) <= width {
		return line
	}
	return string(letters[:max(width-1, 0)]) + "…"
}

// printable writes out the control characters and marks of direction in a text that may
// come from others: it cannot change the screen then.
func printable(s string) string {
	odd := func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || isDirection(r) || r == 0x2028 || r == 0x2029
	}
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if odd(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
