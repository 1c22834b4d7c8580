package smtpace

import (
	"bufio"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/smtptest"
	"github.com/wneessen/go-mail"
)

// A message that is none or cannot be rendered is the caller's mistake, and does not
// stop the others.
func TestClientMessagesThatAreNone(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		c := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv))
		if err := c.DialAndSend(nil); !errors.Is(err, ErrInvalid) {
			t.Errorf("nil: got %v, want ErrInvalid", err)
		}
		if err := c.DialAndSend(mail.NewMsg()); !errors.Is(err, ErrInvalid) {
			t.Errorf("empty: got %v, want ErrInvalid", err)
		}
		err := c.DialAndSend(nil, newMsg(t, "ann@example.com"), mail.NewMsg(), newMsg(t, "bob@example.com"))
		if !errors.Is(err, ErrInvalid) || len(strings.Split(err.Error(), "\n")) < 2 {
			t.Errorf("some: got %v, want both mistakes", err)
		}
		if got := len(srv.Messages()); got != 2 {
			t.Errorf("%d messages were sent, want 2", got)
		}
	})
}

// What a session of a client sends is recorded as it is: paths, parameters and text.
func TestPathsAndParametersOfCommands(t *testing.T) {
	for line, want := range map[string][2]string{
		"MAIL FROM:<ann@example.com>":                 {"ann@example.com", ""},
		"MAIL FROM:<>":                                {"", ""},
		"MAIL FROM:<ann@example.com> BODY=8BITMIME":   {"ann@example.com", ""},
		"MAIL FROM:<ann@example.com> RET=HDRS":        {"ann@example.com", "HDRS"},
		"MAIL FROM:<a@example.com> RET=FULL SMTPUTF8": {"a@example.com", "FULL"},
		`MAIL FROM:<"a> RET=x"@example.com> RET=HDRS`: {`"a> RET=x"@example.com`, `x"@example.com>`},
		"MAIL FROM:<ann@example.com":                  {"", ""},
		"MAIL":                                        {"", ""},
	} {
		if path, ret := pathIn(line), parameter(line, "RET="); path != want[0] || ret != want[1] {
			t.Errorf("%s: got %q and %q, want %q", line, path, ret, want)
		}
	}
}

// A session of go-mail that breaks records what came before, and no part of a text.
func TestSessionsThatBreakAreRecorded(t *testing.T) {
	whole := []string{"EHLO x", "MAIL FROM:<ann@example.com> RET=HDRS", "RCPT TO:<bob@example.com> NOTIFY=NEVER", "RCPT TO:<cid@example.com>", "DATA", "Subject: x", "..dot", ".", "QUIT"}
	for n := range len(whole) + 1 {
		ours, theirs := net.Pipe()
		got := make(chan recorded)
		go func() { got <- recordSession(ours) }()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		for _, line := range whole[:n] {
			if _, err := io.WriteString(theirs, line+"\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		_ = theirs.Close()
		var want recorded
		if n > 1 {
			want.from, want.ret = "ann@example.com", "HDRS"
		}
		if n > 2 {
			want.to, want.notify = []string{"bob@example.com"}, "NEVER"
		}
		if n > 3 {
			want.to, want.notify = append(want.to, "cid@example.com"), ""
		}
		if n > 7 {
			want.text = []byte("Subject: x\r\n.dot\r\n")
		}
		if r := <-got; !reflect.DeepEqual(r, want) {
			t.Errorf("after %d lines: got %+v, want %+v", n, r, want)
		}
	}
}

// What go-mail cannot send on a connection is an error, at each step.
func TestSendingOnABrokenConnection(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		c := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv))
		for name, answers := range map[string][]string{"no banner": nil, "EHLO unanswered": {"220 x"}, "nothing is taken": {"220 x", "250 x"}} {
			ours, theirs := net.Pipe()
			go func() {
				in := bufio.NewReader(ours)
				for _, answer := range answers {
					_, _ = io.WriteString(ours, answer+"\r\n")
					_, _ = in.ReadString('\n')
				}
				_ = ours.Close()
			}()
			if err := c.sendTo(theirs, newMsg(t, "ann@example.com")); err == nil {
				t.Errorf("%s: got no error", name)
			}
			_ = theirs.Close()
		}
		if _, err := c.record(mail.NewMsg()); err == nil {
			t.Error("an empty message is recorded")
		}
	})
}
