package pool

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smtpace/smtpace/internal/printable"
)

const (
	// transcriptRoom is the number of lines of one connection that may wait for its
	// writer: several times those of a pipelined message for 100 recipients.
	transcriptRoom = 1024
	// transcriptLine is the number of bytes that a line tells of the dialogue; one of an
	// event tells printable.MaxError.
	transcriptLine = 512
	// transcriptTime is the time of a line: RFC 3339 with microseconds, in UTC.
	transcriptTime = "2006-01-02T15:04:05.000000Z"
)

// The marks of lines: what the client and the server said, as RFC 5321 D has it, and what
// happened below.
const (
	markClient = "C:"
	markServer = "S:"
	markEvent  = "--"
)

// transcript is the transcript of one connection, from its first dial to its end.
// Additions wait in a bounded buffer for a writing goroutine, so that whoever adds never
// waits. The nil transcript takes nothing.
type transcript struct {
	id       uint64
	lines    chan said
	lost     atomic.Int64   // number of lines without room since the last that had some
	unwanted atomic.Bool    // whether Config.Transcript has returned nil, or panicked
	written  *atomic.Uint64 // number of calls of writers that have returned, of the whole Pool
	final    said           // the last line, for which there is always room; set before lines is closed
	tap      *tap           // of the present session; only the connection's goroutine knows
}

// said is one line of a transcript.
type said struct {
	at   time.Time
	lost int64 // number of lines that were lost before it
	mark string
	text string
}

// transcribe begins the transcript of a connection; nil when none is wanted.
func (p *Pool) transcribe(endpoint string, id uint64) *transcript {
	f := p.config.Transcript
	if f == nil {
		return nil
	}
	t := &transcript{id: id, lines: make(chan said, transcriptRoom), written: &p.transcripts.written}
	p.transcripts.begin()
	go func() {
		defer p.transcripts.end()
		t.run(func() io.Writer { return f(endpoint, id) })
	}()
	return t
}

// takes reports whether somebody wants the transcript.
func (t *transcript) takes() bool { return t != nil && !t.unwanted.Load() }

// add adds a line, or counts it as lost when there is no room.
func (t *transcript) add(mark, text string) {
	line := said{at: time.Now(), lost: t.lost.Swap(0), mark: mark, text: printable.Text(text, printable.MaxError)}
	select {
	case t.lines <- line:
	default:
		t.lost.Add(line.lost + 1)
	}
}

// event adds a line about what happened below the session.
func (t *transcript) event(format string, args ...any) {
	if t.takes() {
		t.add(markEvent, fmt.Sprintf(format, args...))
	}
}

// dialed adds the outcome of a dial.
func (t *transcript) dialed(conn net.Conn, err error) {
	switch {
	case !t.takes():
	case err != nil:
		t.event("no connection: %v", err)
	default:
		t.event("connected from %v to %v", conn.LocalAddr(), conn.RemoteAddr())
	}
}

// close ends the transcript with the error that has ended the connection; nil for an
// end in order. Nothing may be added after it.
func (t *transcript) close(err error) {
	if t == nil {
		return
	}
	if t.tap != nil {
		t.tap.flush()
	}
	text := "closed"
	if err != nil {
		text = printable.Text("closed: "+err.Error(), printable.MaxError)
	}
	t.final = said{at: time.Now(), lost: t.lost.Load(), mark: markEvent, text: text}
	close(t.lines)
}

// run writes the lines until the transcript is closed, and closes the writer.
func (t *transcript) run(open func() io.Writer) {
	var out io.Writer
	if !safely(func() error { out = open(); return nil }) || out == nil {
		t.unwanted.Store(true)
		for range t.lines { // those that were added meanwhile
		}
		return
	}
	if closer, ok := out.(io.Closer); ok {
		defer safely(closer.Close)
	}
	lost := int64(0)
	put := func(line said) {
		lost += line.lost
		if !t.wrote(out, &lost) || !t.write(out, line) {
			lost++
		}
	}
	for line := range t.lines {
		put(line)
	}
	put(t.final)
}

// wrote tells how many lines were lost, if any were, and reports whether the writer
// works.
func (t *transcript) wrote(out io.Writer, lost *int64) bool {
	if *lost == 0 {
		return true
	}
	if !t.write(out, said{at: time.Now(), mark: markEvent, text: fmt.Sprintf("%d lines lost", *lost)}) {
		return false
	}
	*lost = 0
	return true
}

// write gives a line to the writer and reports whether that has taken all of it.
func (t *transcript) write(out io.Writer, line said) bool {
	defer t.written.Add(1)
	text := fmt.Appendf(nil, "%s #%d %s %s\n", line.at.UTC().Format(transcriptTime), t.id, line.mark, line.text)
	return safely(func() error {
		n, err := out.Write(text)
		if err == nil && n < len(text) {
			err = io.ErrShortWrite
		}
		return err
	})
}

// safely calls a function of the user's and reports whether it has worked. A panic is a
// failure.
func safely(f func() error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return f() == nil
}

// transcripts counts the transcripts that are not written to their ends.
type transcripts struct {
	written atomic.Uint64 // number of calls of writers that have returned

	mu   sync.Mutex
	open int
	idle chan struct{} // closed when open is zero; nil until somebody waits
}

func (t *transcripts) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open++
}

func (t *transcripts) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open--; t.open == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// idled returns a channel that is closed when all are written; nil when they are.
func (t *transcripts) idled() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open > 0 && t.idle == nil {
		t.idle = make(chan struct{})
	}
	return t.idle
}

// The end of a Pool waits for its transcripts in looks of transcriptLook, mostLooks at
// most, and only while some writer takes lines.
const (
	transcriptLook = 50 * time.Millisecond
	mostLooks      = 20
)

// wait waits until all transcripts are written, as long as their writers work. What a
// writer that hangs has not taken is lost.
func (t *transcripts) wait() {
	idle := t.idled()
	if idle == nil {
		return
	}
	tick := time.NewTicker(transcriptLook)
	defer tick.Stop()
	for looks, before := 0, t.written.Load(); looks < mostLooks; looks++ {
		select {
		case <-idle:
			return
		case <-tick.C:
		}
		now := t.written.Load()
		if now == before {
			return
		}
		before = now
	}
}
