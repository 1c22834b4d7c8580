package pool

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail"
)

// TestBlankLinesSayNothing: they are dropped, and what stands behind them is kept.
func TestBlankLinesSayNothing(t *testing.T) {
	for in, want := range map[string]struct {
		spoken bool
		left   string
	}{
		"\r\n\n\r\n": {false, ""}, "\r": {false, ""}, "\n": {false, ""}, "2": {true, "2"}, "\r\n250 OK\r\n": {true, "250 OK\r\n"},
	} {
		s := &session{r: bufio.NewReader(strings.NewReader(in))}
		s.r.Peek(1)
		spoken := s.spoken()
		left, _ := s.r.Peek(s.r.Buffered())
		if spoken != want.spoken || string(left) != want.left {
			t.Errorf("%q: spoken is %v, left %q; want %v, %q", in, spoken, left, want.spoken, want.left)
		}
	}
}

// TestAnAbortedConnectionIsNotLoggedIn: the login fails with the cause, before anything
// is sent, and is not taken for one that has worked.
func TestAnAbortedConnectionIsNotLoggedIn(t *testing.T) {
	cause := errors.New("enough")
	for name, e := range map[string]Endpoint{
		"own":    {Addr: "localhost:25", TLS: TLSNone, SASL: given("PLAIN", nil, nil)},
		"chosen": {Addr: "localhost:25", TLS: TLSNone, Auth: mail.SMTPAuthPlain, Credentials: noCredentials},
	} {
		near, far := net.Pipe()
		defer far.Close()
		o := &opening{endpoint: e, session: &session{extensions: map[string]string{"AUTH": "PLAIN"}, timeouts: Timeouts{Command: time.Minute}}}
		o.wire, o.r, o.w = newWire(near), bufio.NewReader(near), bufio.NewWriter(near)
		o.wire.interrupt(cause)
		if err := o.login(t.Context()); !errors.Is(err, cause) || o.loggedIn || o.wire.sent > 0 {
			t.Errorf("%s: got %v, logged in %v, %d bytes sent", name, err, o.loggedIn, o.wire.sent)
		}
	}
}

// TestRepeatedYes: a code that was accepted at a stage is not judged again there. The
// verdict on it stands for one whole line of that code and stage only, and is not used
// where somebody hears the replies.
func TestRepeatedYes(t *testing.T) {
	const rcpt, data = classify.StageRcpt, classify.StageData
	yes := "250 2.1.5 OK\r\n"
	for _, tt := range []struct {
		name  string
		stage classify.Stage
		line  string
		heard bool
		want  bool
	}{
		{"the same", rcpt, yes, false, true},
		{"another text", rcpt, "250 accepted\r\n", false, true},
		{"no text", rcpt, "250 \n", false, true},
		{"another stage", data, yes, false, false},
		{"another code", rcpt, "251 2.1.5 OK\r\n", false, false},
		{"more lines follow", rcpt, "250-2.1.5 OK\r\n", false, false},
		{"no blank", rcpt, "250\r\n", false, false},
		{"nothing", rcpt, "", false, false},
		{"the longest line", rcpt, "250 " + strings.Repeat("x", maxLine-6) + "\r\n", false, true},
		{"too long a line", rcpt, "250 " + strings.Repeat("x", maxLine-5) + "\r\n", false, false},
		{"a User that hears replies", rcpt, yes, true, false},
	} {
		near, far := net.Pipe()
		s := &session{classifier: new(classify.Classifier), r: bufio.NewReaderSize(strings.NewReader(yes), 2*maxLine), wire: newWire(near)}
		if tt.heard {
			s.onReply = func(classify.Stage, *classify.Reply) {}
		}
		if _, v, err := s.readVerdict(rcpt, time.Minute); err != nil || v.Class != classify.ClassOK {
			t.Errorf("%s: got %+v, %v", tt.name, v, err)
		}
		if got := s.sameYes(tt.stage, []byte(tt.line)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		near.Close()
		far.Close()
	}
}

// TestEachStageHasItsYes, and that to the dot is none: it means more than that the
// transaction goes on.
func TestEachStageHasItsYes(t *testing.T) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	lines := map[classify.Stage]string{classify.StageMail: "250 2.1.0 OK\r\n", classify.StageRcpt: "251 2.1.5 OK\r\n", classify.StageData: "354 go on\r\n", classify.StageDot: "250 2.0.0 OK\r\n"}
	s := &session{classifier: new(classify.Classifier), wire: newWire(near)}
	for stage, line := range lines {
		s.r = bufio.NewReader(strings.NewReader(line))
		if _, v, err := s.readVerdict(stage, time.Minute); err != nil || v.Class != classify.ClassOK {
			t.Errorf("%v: got %+v, %v", stage, v, err)
		}
	}
	for stage := range lines {
		for _, line := range lines {
			want := line[:3] == lines[stage][:3] && stage != classify.StageDot
			if got := s.sameYes(stage, []byte(line)); got != want {
				t.Errorf("%v: %q is known again: %v, want %v", stage, line, got, want)
			}
		}
	}
}

// TestWhatAServerMaySayWhileItIsOpened is bounded, to the byte.
func TestWhatAServerMaySayWhileItIsOpened(t *testing.T) {
	for budget, want := range map[int64]string{-1: "0123456789", 0: "", 1: "0", 9: "012345678", 10: "0123456789", 11: "0123456789"} {
		near, far := net.Pipe()
		go func() {
			far.Write([]byte("0123456789")) // fails where it is not read to its end
			far.Close()
		}()
		w := newWire(near)
		w.budget = budget
		got, err := io.ReadAll(w)
		beyond := budget >= 0 && budget <= 10 // the end is not read any more
		if string(got) != want || errors.Is(err, ErrProtocol) != beyond || !beyond && err != nil {
			t.Errorf("budget %d: got %q and %v, want %q", budget, got, err, want)
		}
		near.Close()
	}
}

// TestYesWithoutAnEnd: the first line tells the outcome, and the session is over.
func TestYesWithoutAnEnd(t *testing.T) {
	for _, heard := range []bool{false, true} {
		for said, whole := range map[string]bool{"250 2.1.5 OK\r\n": true, "250-2.1.5 OK\r\n": false, "250-2.1.5 OK\r\n250": false} {
			near, far := net.Pipe()
			s := &session{classifier: new(classify.Classifier), r: bufio.NewReader(strings.NewReader(said)), wire: newWire(near)}
			if heard {
				s.onReply = func(classify.Stage, *classify.Reply) {}
			}
			_, v, err := s.readVerdict(classify.StageRcpt, time.Minute)
			if v.Class != classify.ClassOK || (err == nil) != whole || s.usable() != whole {
				t.Errorf("%q: got class %v and %v, usable is %v", said, v.Class, err, s.usable())
			}
			near.Close()
			far.Close()
		}
	}
}

// TestALastWordBeforeAReset ends the session: nobody waits for a reply to the RSET, which
// was not written.
func TestALastWordBeforeAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe() // far says no more
		defer near.Close()
		defer far.Close()
		heard := 0
		s := &session{classifier: new(classify.Classifier), wire: newWire(near), timeouts: Timeouts{Command: time.Minute}}
		s.r, s.w = bufio.NewReader(io.MultiReader(strings.NewReader("421 4.3.2 closing\r\n"), near)), bufio.NewWriter(near)
		s.onReply = func(classify.Stage, *classify.Reply) { heard++ }
		s.r.Peek(1)
		start := time.Now()
		s.reset()
		if took := time.Since(start); took > 0 || heard != 1 || s.usable() || s.wire.sent > 0 {
			t.Errorf("it took %v, %d replies were heard, %d bytes sent; the session is usable: %v", took, heard, s.wire.sent, s.usable())
		}
	})
}

// TestWhatIsCancelledBeforeItIsWritten costs no connection; one whose envelope the server
// has, does: it waits for a message that will not come.
func TestWhatIsCancelledBeforeItIsWritten(t *testing.T) {
	for wrote, usable := range map[int]bool{0: true, 1: false, 3: false} {
		near, far := net.Pipe()
		tr := &transaction{session: &session{wire: newWire(near)}, wrote: wrote}
		if err := tr.abandoned(); !errors.Is(err, ErrCancelled) || tr.usable() != usable {
			t.Errorf("with %d commands written: got %v, the session is usable: %v", wrote, err, tr.usable())
		}
		near.Close()
		far.Close()
	}
}
