package pool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// sink is a writer of a transcript that does what a test wants at each Write.
type sink struct {
	write func(n int, line string) (int, error) // n counts from 1

	mu     sync.Mutex
	n      int
	lines  []string
	closed int
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.n++
	n := s.n
	s.mu.Unlock()
	if s.write != nil {
		if done, err := s.write(n, string(p)); err != nil || done < len(p) {
			return done, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, string(p))
	return len(p), nil
}

func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "")
}

// transcribed returns a Config whose connections share a sink.
func transcribed(s *sink) pool.Config {
	return pool.Config{Transcript: func(string, uint64) io.Writer { return s }}
}

// line is the form of every line of a transcript.
var line = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z #\d+ (C:|S:|--) [^\n]*\n$`)

// untimed returns a transcript without its times.
func untimed(t *testing.T, s *sink) string {
	t.Helper()
	var b strings.Builder
	for _, l := range s.lines {
		if !line.MatchString(l) || strings.ContainsFunc(strings.TrimSuffix(l, "\n"), func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("not a line of a transcript: %q", l)
		}
		_, rest, _ := strings.Cut(l, " ")
		b.WriteString(rest)
	}
	return b.String()
}

// wholeSession is the transcript of two messages, the second behind the dot of the first,
// after STARTTLS and a login.
const wholeSession = `#1 -- dial tcp mx.test:25 by DialContext
#1 -- connected from 127.0.0.1:1025 to 127.0.0.1:25
#1 S: 220 mx.test ESMTP
#1 C: EHLO client.test
#1 S: 250-mx.test
#1 S: 250-PIPELINING
#1 S: 250 STARTTLS
#1 C: STARTTLS
#1 S: 220 Ready to start TLS
#1 -- TLS 1.3 TLS_AES_128_GCM_SHA256
#1 C: EHLO client.test
#1 S: 250-mx.test
#1 S: 250-PIPELINING
#1 S: 250 AUTH PLAIN
#1 C: AUTH PLAIN [28 bytes]
#1 S: 235 [25 bytes]
#1 C: MAIL FROM:<sender@client.test>
#1 C: RCPT TO:<a@x.test>
#1 C: RCPT TO:<no@x.test>
#1 C: DATA
#1 S: 250 Ok
#1 S: 250 Ok
#1 S: 550-5.1.1 no
#1 S: 550 5.1.1 such [31muser
#1 S: 354 End data with <CR><LF>.<CR><LF>
#1 C: [41 bytes of a message]
#1 C: .
#1 S: 250 Ok: queued as 1-1
#1 C: MAIL FROM:<sender@client.test>
#1 C: RCPT TO:<b@x.test>
#1 C: DATA
#1 S: 250 Ok
#1 S: 250 Ok
#1 S: 354 End data with <CR><LF>.<CR><LF>
#1 C: [29 bytes of a message]
#1 C: .
#1 S: 250 Ok: queued as 1-2
#1 C: QUIT
#1 S: 221 Bye
#1 -- closed
`

func TestTranscript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		refuse := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "no@x.test", Fault: smtptest.Fault{Reply: "550-5.1.1 no\n550 5.1.1 such\x1b[31muser"}})
		r := newRig(t, smtptest.Config{
			StartTLS: true, RequireTLS: true, Users: map[string]string{"user": "secret of mine"}, Mechanisms: []string{"PLAIN"}, Fault: refuse,
			Omit: []string{"SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8"},
		}, transcribed(&out))
		r.endpoint.Credentials = func(context.Context) (string, string, error) { return "user", "secret of mine", nil }
		first, second := newJob("first", "a@x.test", "no@x.test"), newJob("second", "b@x.test")
		first.Data = append(first.Data, ".\r\n..\r\nend"...)
		r.push(first.turn(), second.lastTurn())
		r.open()
		first.wait(t)
		second.wait(t)
		synctest.Wait()
		r.close()
		if got := untimed(t, &out); got != wholeSession {
			t.Errorf("got:\n%s", got)
		}
		if out.closed != 1 {
			t.Errorf("closed %d times", out.closed)
		}
	})
}

// A transcript has every dial, and how each ended.
func TestTranscriptOfDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		r := newRig(t, smtptest.Config{}, transcribed(&out))
		defer r.close()
		r.endpoint.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no\nroute") }
		if err := r.pool.Verify(t.Context(), r.endpoint); err == nil {
			t.Fatal("no error")
		}
		synctest.Wait()
		const want = "#1 -- dial tcp mx.test:25 by DialContext\n#1 -- no connection: no route\n#1 -- closed: pool: mx: connect: no route\n"
		if got := untimed(t, &out); got != want {
			t.Errorf("got:\n%s", got)
		}
	})
}

// What has no end is told, and what is long is cut.
func TestTranscriptOfOddReplies(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for name, tt := range map[string]struct {
		fault smtptest.Fault
		want  string
	}{
		"long":      {smtptest.Fault{Reply: "450-" + long + "\n450 end"}, "S: 450-" + long[:508] + "... [3004 bytes]\n#1 S: 450 end\n"},
		"endless":   {smtptest.Fault{Raw: "450 " + strings.Repeat(long, 30)}, "S: 450 " + long[:508] + "... [69632 bytes] [without a line end]\n"},
		"no end":    {smtptest.Fault{Raw: "450 half a li", End: smtptest.Close}, "S: 450 half a li [without a line end]\n"},
		"not ASCII": {smtptest.Fault{Raw: "450 \xff\xfe\x00\u00fc\u202e.\r\n"}, "S: 450  \u00fc .\n"},
	} {
		bubble(t, name, func(t *testing.T) {
			var out sink
			r := newRig(t, smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageMail, Fault: tt.fault})}, transcribed(&out))
			j := newJob("m", "a@x.test")
			r.push(j.lastTurn())
			r.open()
			j.wait(t)
			r.close()
			if got := untimed(t, &out); !strings.Contains(got, tt.want) {
				t.Errorf("got:\n%.3000s", got)
			}
		})
	}
}

// send sends messages one after the other, and returns when all are delivered.
func (r *rig) send(n int) {
	r.t.Helper()
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = newJob(fmt.Sprint("m", i), "a@x.test")
		r.push(jobs[i].turn())
	}
	r.open()
	for _, j := range jobs {
		if got := j.wait(r.t); fates(got) != "D" {
			r.t.Errorf("%s", describe(got))
		}
	}
}

// lostLines returns the number of lines that a transcript says were lost.
func lostLines(text string) (n int) {
	for _, m := range regexp.MustCompile(`-- (\d+) lines lost`).FindAllStringSubmatch(text, -1) {
		k, _ := strconv.Atoi(m[1])
		n += k
	}
	return n
}

// A writer that fails, panics or is slow loses lines and says how many. It holds no mail
// and no end.
func TestTranscriptWritersThatFail(t *testing.T) {
	for name, write := range map[string]func(int, string) (int, error){
		"fails for a while": func(n int, line string) (int, error) {
			if n > 10 && n <= 20 {
				return 0, errors.New("disk full")
			}
			return len(line), nil
		},
		"writes half": func(n int, line string) (int, error) {
			if n > 10 && n <= 20 {
				return len(line) / 2, nil
			}
			return len(line), nil
		},
		"panics for a while": func(n int, line string) (int, error) {
			if n > 10 && n <= 20 {
				panic("no")
			}
			return len(line), nil
		},
		"is slow for a while": func(n int, line string) (int, error) {
			if n == 10 {
				time.Sleep(time.Minute)
			}
			return len(line), nil
		},
	} {
		bubble(t, name, func(t *testing.T) {
			out, full := sink{write: write}, sink{}
			var all []int // numbers of lines, first those of a writer that never fails
			for _, s := range []*sink{&full, &out} {
				r := newRig(t, smtptest.Config{}, transcribed(s))
				start := time.Now()
				r.send(200)
				if took := time.Since(start); took > 0 {
					t.Errorf("%v for the mail", took)
				}
				time.Sleep(2 * time.Minute)
				r.close()
				text := untimed(t, s)
				all = append(all, lostLines(text)+strings.Count(text, "\n")-strings.Count(text, "lines lost"))
			}
			text := out.text()
			if lost := lostLines(text); lost < 10 || all[0] != all[1] || !strings.Contains(text, "-- closed") || out.closed != 1 {
				t.Errorf("%d lines lost, %d in all, want %d; closed %d times", lost, all[1], all[0], out.closed)
			}
		})
	}
}

// A writer, a Close or a Config.Transcript that never returns holds neither mail nor the
// end of the Pool for longer than 100 ms.
func TestTranscriptThatHangs(t *testing.T) {
	for _, name := range []string{"Write", "Close", "Config.Transcript"} {
		for _, end := range []string{"Close", "Shutdown"} {
			bubble(t, name+" "+end, func(t *testing.T) {
				hang := make(chan struct{})
				defer close(hang)
				at := func(point string) {
					if point == name {
						<-hang
					}
				}
				cfg := pool.Config{Transcript: func(string, uint64) io.Writer {
					at("Config.Transcript")
					return struct {
						io.Writer
						io.Closer
					}{writerFunc(func(p []byte) (int, error) { at("Write"); return len(p), nil }), closerFunc(func() error { at("Close"); return nil })}
				}}
				r := newRig(t, smtptest.Config{}, cfg)
				defer r.server.Close()
				quickly(t, "the mail", func() { r.send(500) })
				quickly(t, end, func() {
					if end == "Close" {
						_ = r.pool.Close()
					} else {
						_ = r.pool.Shutdown(t.Context())
					}
				})
			})
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// The end of a Pool waits for a writer that is slow but works.
func TestTranscriptIsWrittenToItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := sink{write: func(_ int, line string) (int, error) { time.Sleep(5 * time.Millisecond); return len(line), nil }}
		r := newRig(t, smtptest.Config{}, transcribed(&out))
		r.send(3)
		r.close()
		if !strings.Contains(out.text(), "#1 -- closed") || out.closed != 1 {
			t.Errorf("closed %d times:\n%s", out.closed, out.text())
		}
	})
}

// It waits for a second at most: what a writer has not taken by then is lost.
func TestTranscriptThatIsTooSlowForTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := sink{write: func(_ int, line string) (int, error) { time.Sleep(40 * time.Millisecond); return len(line), nil }}
		r := newRig(t, smtptest.Config{}, transcribed(&out))
		defer r.server.Close()
		r.send(20)
		begun := time.Now()
		r.pool.Close()
		if took := time.Since(begun); took < 500*time.Millisecond || took > time.Second {
			t.Errorf("Close took %v", took)
		}
		time.Sleep(time.Minute) // the rest is written
	})
}

// A connection whose writer is nil, or for which Config.Transcript panics, has none, and
// neither has a connection without one.
func TestTranscriptOfSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		names := map[uint64]string{}
		r := newRig(t, smtptest.Config{}, pool.Config{Transcript: func(endpoint string, id uint64) io.Writer {
			names[id] = endpoint
			switch id {
			case 1:
				return nil
			case 2:
				panic("no")
			}
			return &out
		}})
		for range 3 {
			r.send(2)
			synctest.Wait()
			time.Sleep(time.Minute) // the connection ends
		}
		r.close()
		if names[1] != "mx" || len(names) != 3 || !strings.Contains(out.text(), "#3 C: QUIT") || strings.Contains(out.text(), "#1 ") || strings.Contains(out.text(), "#2 ") {
			t.Errorf("%v\n%s", names, out.text())
		}
	})
}

// Messages of any content, over TLS and not, pipelined or not, leave nothing of theirs in
// a transcript.
func TestTranscriptTellsNoMessage(t *testing.T) {
	for _, sc := range []smtptest.Config{{}, {StartTLS: true}, {ImplicitTLS: true}, {Omit: []string{"PIPELINING"}}} {
		bubble(t, fmt.Sprintf("%v %v %v", sc.StartTLS, sc.ImplicitTLS, sc.Omit), func(t *testing.T) {
			var out sink
			r := newRig(t, sc, transcribed(&out))
			for _, text := range []string{"", ".", "\r\n", ".\r\n.\r\n", "x\r\n.MAIL FROM:<x>\r\n", strings.Repeat("y", 200_000), strings.Repeat(".\r\nQUIT\r\n", 20_000)} {
				j := newJob("SECRET", "a@x.test")
				j.Data = []byte("SECRET\r\n" + strings.ReplaceAll(text, "\r\n", "SECRET\r\n") + "\r\nSECRET")
				r.push(j.turn())
				if !r.isOpen() {
					r.open()
				}
				if got := j.wait(t); fates(got) != "D" {
					t.Error(describe(got))
				}
			}
			r.close()
			text := untimed(t, &out)
			if strings.Contains(text, "SECRET") || strings.Count(text, "of a message]\n#1 C: .\n") != 7 || strings.Count(text, "C: MAIL") != 7 || strings.Count(text, "C: QUIT") > 1 {
				t.Errorf("got:\n%.3000s", text)
			}
		})
	}
}
