package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/smtpace/smtpace/smtptest"
)

// openTerminal gives both ends of a pseudo-terminal of a size.
func openTerminal(t *testing.T, columns int) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { screen.Close() })
	control := func(request, arg uintptr) {
		t.Helper()
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, arg); errno != 0 {
			t.Skip("no terminals here: ", errno)
		}
	}
	var locked, number int32
	size := struct{ rows, columns, x, y uint16 }{24, uint16(columns), 0, 0}
	control(syscall.TIOCSPTLCK, uintptr(unsafe.Pointer(&locked)))
	control(syscall.TIOCGPTN, uintptr(unsafe.Pointer(&number)))
	control(syscall.TIOCSWINSZ, uintptr(unsafe.Pointer(&size)))
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	t.Cleanup(func() { program.Close() })
	return screen, program
}

// TestWidthsOfTerminals: one that does not tell its width has the usual one.
func TestWidthsOfTerminals(t *testing.T) {
	for columns, want := range map[int]int{0: defaultWidth, 1: 1, 40: 40} {
		_, program := openTerminal(t, columns)
		if got := terminalWidth(program); got != want {
			t.Errorf("%d columns: got %d, want %d", columns, got, want)
		}
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := terminalWidth(file); got != defaultWidth {
		t.Errorf("no terminal: got %d, want %d", got, defaultWidth)
	}
}

// display follows what a terminal shows.
type display struct {
	width    int
	lines    []string
	row, col int
	seen     []string // the last two lines, each time they were whole
}

// write takes what the program prints.
func (d *display) write(text string) {
	for len(text) > 0 {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexAny(text, "KAhl")
			d.control(text[2 : end+1])
			text = text[end:]
		case text[0] == '\r':
			d.col = 0
		case text[0] == '\n':
			d.row++
		default:
			d.put(text[0])
		}
		text = text[1:]
	}
}

// control obeys a sequence.
func (d *display) control(sequence string) {
	switch sequence {
	case "K":
		if d.row < len(d.lines) {
			d.lines[d.row] = d.lines[d.row][:min(d.col, len(d.lines[d.row]))]
		}
	case "A":
		d.row--
	case "?7h":
		d.seen = append(d.seen, strings.Join(d.lines[max(0, len(d.lines)-2):], "\n"))
	}
}

// put shows an octet.
func (d *display) put(c byte) {
	for len(d.lines) <= d.row {
		d.lines = append(d.lines, "")
	}
	line := d.lines[d.row]
	line += strings.Repeat(" ", max(0, d.col-len(line)))
	d.lines[d.row] = line[:d.col] + string([]byte{c}) + line[min(d.col+1, len(line)):]
	d.col++
}

// onTerminal runs the program with a terminal for its stderr, and gives what the
// terminal was sent.
func onTerminal(t *testing.T, columns int, term string) string {
	t.Helper()
	srv := smtptest.NewServer(smtptest.Config{Domains: map[string]smtptest.Domain{
		"slow.example": {MessageRate: smtptest.Rate{Count: 5, Burst: 2}},
		"grey.example": {Greylist: smtptest.Greylist{Delay: time.Second, Reply: "450 4.2.0 Greylisted, try again in 2 seconds"}},
	}})
	t.Cleanup(srv.Close)
	screen, program := openTerminal(t, columns)
	j := job{list: addresses(10, "slow.example") + "nobody\n" + "a@grey.example\n", message: plainMessage}
	cmd := exec.Command(os.Args[0], j.args(t, srv.Addr)...)
	var stdout buffer
	cmd.Stdout, cmd.Stderr = &stdout, program
	cmd.Env = append(os.Environ(), "BULK_TEST_MAIN=1", "TERM="+term)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	var wg sync.WaitGroup
	wg.Go(func() {
		for buf := make([]byte, 4096); ; {
			n, err := screen.Read(buf)
			text.Write(buf[:n])
			if err != nil {
				return // the other end is closed
			}
		}
	})
	cmd.Wait()
	program.Close()
	wg.Wait()
	j.outcome(t, cmd.ProcessState.ExitCode(), stdout.String(), "").want(t, "messages=12 delivered=11 refused=1")
	return text.String()
}

// On a terminal of any width two lines say how far it is, and who is held back
// by which reply; nothing is left of them in the end.
func TestTerminal(t *testing.T) {
	for _, columns := range []int{40, 80} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			t.Parallel()
			d := display{width: columns}
			d.write(onTerminal(t, columns, "xterm"))
			var held string
			for _, seen := range d.seen {
				for line := range strings.SplitSeq(seen, "\n") {
					message := strings.HasPrefix(line, "bulk: ") // above a status of one line; the terminal breaks it
					if !message && len([]rune(line)) > columns {
						t.Errorf("line of %d characters: %q", len([]rune(line)), line)
					}
				}
				first, second, two := strings.Cut(seen, "\n")
				if two && strings.Contains(second, ".example (") && strings.Contains(second, "): 450 4") {
					held = first
				}
			}
			if !strings.Contains(held, " % ") || !strings.Contains(held, "/12 ") {
				t.Errorf("no progress with what is held back in %q", d.seen)
			}
			left := strings.TrimSpace(strings.Join(d.lines, "\n"))
			if !strings.HasPrefix(left, "bulk: ") || strings.Contains(left, "%") || strings.Count(left, "\n") > 0 && columns == 80 {
				t.Errorf("the screen shows %q in the end", left)
			}
		})
	}
}

// A terminal that cannot erase gets lines and no control sequences.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	got := onTerminal(t, 80, "dumb")
	if strings.Contains(got, "\x1b") || !strings.Contains(got, "12 of 12 done: 11 delivered, 1 refused") {
		t.Errorf("got %q", got)
	}
	for kind, want := range map[string]bool{"": false, "unknown": false, "xterm": true, "vt100": true} {
		if erases(kind) != want {
			t.Errorf("a terminal %q erases lines: %v", kind, !want)
		}
	}
}
