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
		name            string
		e               ending
		again, noParams bool
	}{
		{"behind a message that broke", ending{behind: true}, true, false},
		{"behind, and broken off by us", ending{behind: true, aborted: true}, true, false},
		{"555 with parameters", ending{reply: reply(555), optional: true}, true, true},
		{"555 with parameters, reused", ending{reply: reply(555), optional: true, reused: true}, true, true},
		{"555 without parameters", ending{reply: reply(555), reused: true}, false, false},
		{"421, reused", ending{reply: reply(421), reused: true}, true, false},
		{"421, new", ending{reply: reply(421)}, false, false},
		{"421 for a limit, reused", ending{reply: reply(421), verdict: limit, reused: true}, false, false},
		{"421, broken off by us", ending{reply: reply(421), reused: true, aborted: true}, true, false},
		{"451, reused", ending{reply: reply(451), reused: true}, false, false},
		{"550 behind RSET", ending{reply: reply(550), reused: true, resets: true}, false, false},
		{"RSET failed", ending{err: os.ErrDeadlineExceeded, reused: true, resets: true}, true, false},
		{"RSET failed, new", ending{err: io.EOF, resets: true}, false, false},
		{"RSET failed, broken off by us", ending{err: io.EOF, reused: true, resets: true, aborted: true}, false, false},
		{"closed, reused", ending{err: io.EOF, reused: true}, true, false},
		{"reset, reused", ending{err: fmt.Errorf("read: %w", syscall.ECONNRESET), reused: true}, true, false},
		{"closed, new", ending{err: io.EOF}, false, false},
		{"closed by us", ending{err: io.EOF, reused: true, aborted: true}, false, false},
		{"half a 250", ending{err: io.EOF, verdict: ok, reused: true}, false, false},
		{"half a line", ending{err: io.ErrUnexpectedEOF, reused: true}, false, false},
		{"no answer in time", ending{err: os.ErrDeadlineExceeded, reused: true}, false, false},
		{"nonsense", ending{err: errUnasked, reused: true}, false, false},
		{"nothing is known", ending{reused: true}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if again, noParams := tt.e.mayRepeat(); again != tt.again || noParams != tt.noParams {
				t.Errorf("got %v, %v, want %v, %v", again, noParams, tt.again, tt.noParams)
			}
		})
	}
}
