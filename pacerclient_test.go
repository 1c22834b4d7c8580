package smtpace

import (
	"errors"
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
