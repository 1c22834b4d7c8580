package pool

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/smtpace/smtpace/classify"
)

func TestMayRepeat(t *testing.T) {
	limit := classify.Verdict{Limit: classify.LimitConnections}
	ok := classify.Verdict{Class: classify.ClassOK}
	reply := func(code int) *classify.Reply { return &classify.Reply{Code: code} }
	tests := []struct {
		name  string
		e     ending
		again bool
	}{
		{"behind a message that broke", ending{behind: true}, true},
		{"behind, and broken off by us", ending{behind: true, aborted: true}, true},
		{"555 with parameters", ending{reply: reply(555), blamed: paramSize}, true},
		{"555 with parameters, reused", ending{reply: reply(555), blamed: paramSize, reused: true}, true},
		{"530 behind an EHLO that was not needed", ending{reply: reply(530), forgot: true}, true},
		{"555 without parameters", ending{reply: reply(555), reused: true}, false},
		{"421, reused", ending{reply: reply(421), reused: true}, true},
		{"421, new", ending{reply: reply(421)}, false},
		{"221, reused", ending{reply: reply(221), reused: true}, true},
		{"221, new", ending{reply: reply(221)}, false},
		{"421 for a limit, reused", ending{reply: reply(421), verdict: limit, reused: true}, false},
		{"421, broken off by us", ending{reply: reply(421), reused: true, aborted: true}, true},
		{"451, reused", ending{reply: reply(451), reused: true}, false},
		{"550 behind RSET", ending{reply: reply(550), reused: true, resets: true}, false},
		{"RSET failed", ending{err: os.ErrDeadlineExceeded, reused: true, resets: true}, true},
		{"RSET failed, new", ending{err: io.EOF, resets: true}, false},
		{"RSET failed, broken off by us", ending{err: io.EOF, reused: true, resets: true, aborted: true}, false},
		{"closed, reused", ending{err: io.EOF, reused: true}, true},
		{"reset, reused", ending{err: fmt.Errorf("read: %w", syscall.ECONNRESET), reused: true}, true},
		{"closed, new", ending{err: io.EOF}, false},
		{"closed by us", ending{err: io.EOF, reused: true, aborted: true}, false},
		{"half a 250", ending{err: io.EOF, verdict: ok, reused: true}, false},
		{"half a line", ending{err: io.ErrUnexpectedEOF, reused: true}, false},
		{"no answer in time", ending{err: os.ErrDeadlineExceeded, reused: true}, false},
		{"nonsense", ending{err: errUnasked, reused: true}, false},
		{"nothing is known", ending{reused: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if again := tt.e.mayRepeat(); again != tt.again {
				t.Errorf("got %v, want %v", again, tt.again)
			}
		})
	}
}

// TestTheSameRefusalTwice ends the connection, when nothing else was refused in between.
func TestTheSameRefusalTwice(t *testing.T) {
	later := classify.Verdict{Class: classify.ClassServerBusy, Recipient: classify.RecipientLater}
	refused := classify.Verdict{Class: classify.ClassPolicy, Recipient: classify.RecipientRefused}
	for _, tt := range []struct {
		codes []int
		ends  bool
	}{
		{[]int{450}, false}, {[]int{450, 450}, true}, {[]int{450, 451}, false}, {[]int{450, 451, 450}, false}, {[]int{450, 550, 450}, false},
		{[]int{550, 550}, false}, {[]int{450, 550, 450, 450}, true},
	} {
		s := newSession(Endpoint{Addr: "mx.test:25"}, Config{Classifier: &classify.Classifier{}}, &quirks{}, nil)
		s.wire = &wire{}
		for _, code := range tt.codes {
			v := later
			if code >= 500 {
				v = refused
			}
			s.newTransaction(&Delivery{From: "a@b.test", To: []string{"c@d.test"}}, nil).refusedMail(&classify.Reply{Code: code}, v)
		}
		if got := s.fate == classify.ConnQuit; got != tt.ends {
			t.Errorf("%v: the connection ends: %v, want %v", tt.codes, got, tt.ends)
		}
	}
}
