package pool_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// tapped is a connection with a say in every write.
type tapped struct {
	net.Conn
	write func(conn net.Conn, p []byte) (int, error)
}

func (c tapped) Write(p []byte) (int, error) { return c.write(c.Conn, p) }

// tap makes the rig's next connections tapped.
func (r *rig) tap(write func(conn net.Conn, p []byte) (int, error)) {
	r.endpoint.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := r.server.DialContext(ctx, network, addr)
		return tapped{conn, write}, err
	}
}

// TestDotThatCannotBeWritten: as long as nothing of the dot left, the message
// certainly was not sent; when a part did nobody knows, unless there is a reply.
func TestDotThatCannotBeWritten(t *testing.T) {
	tests := []struct {
		name string
		left func(n int) int // bytes of the last write that leave
		want string
	}{
		{"nothing left", func(int) int { return 0 }, "L"},
		{"a part of the message left", func(n int) int { return n / 2 }, "L"},
		{"the message left", func(n int) int { return n - len(".\r\n") }, "L"},
		{"a part left", func(n int) int { return n - 2 }, "A"},
		{"all left", func(n int) int { return n }, "D"},
	}
	for _, tt := range tests {
		bubble(t, tt.name, func(t *testing.T) {
			broken := errors.New("cable cut")
			r := newRig(t, smtptest.Config{}, pool.Config{})
			defer r.close()
			r.tap(func(conn net.Conn, p []byte) (int, error) {
				if !bytes.HasSuffix(p, []byte("\r\n.\r\n")) {
					return conn.Write(p)
				}
				n, _ := conn.Write(p[:tt.left(len(p))])
				return n, broken
			})
			j := newJob("a", "1@x.test")
			r.push(j.turn())
			r.open()
			got := j.wait(t)
			if fates(got) != tt.want || tt.want != "D" && !errors.Is(got.Recipients[0].Err, broken) {
				t.Errorf("got %s, want %s", describe(got), tt.want)
			}
			if n := r.arrived(j)["1@x.test"]; (n == 1) != (tt.want == "D") {
				t.Errorf("arrived %d times", n)
			}
		})
	}
}

func TestCancelBetweenBodyAndDot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{}, pool.Config{})
		defer r.close()
		j := newBigJob("a", "1@x.test")
		left := len(j.Data)
		r.tap(func(conn net.Conn, p []byte) (int, error) {
			if len(p) > 1000 {
				left -= len(p)
			}
			if left < 68<<10 { // the rest, if any, waits in the buffer for the dot
				defer j.Cancel()
			}
			return conn.Write(p)
		})
		r.push(j.turn())
		r.open()
		if got := j.wait(t); fates(got) != "L" || stages(got) != "body" || got.Recipients[0].Err != pool.ErrCancelled {
			t.Errorf("got %s", describe(got))
		}
		synctest.Wait()
		r.checkStored()
	})
}

func TestRefusalBehindAFailedWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, smtptest.Config{Fault: smtptest.Rules(
			smtptest.Rule{Stage: smtptest.StageRcpt, Fault: raw("250 OK\r\n421 4.3.2 closing\r\n", smtptest.Close)},
		)}, pool.Config{})
		defer r.close()
		r.tap(func(conn net.Conn, p []byte) (int, error) {
			if bytes.HasPrefix(p, []byte("DATA")) {
				return 0, errors.New("broken pipe")
			}
			return conn.Write(p)
		})
		j := newJob("a", "1@x.test")
		r.push(j.turn())
		r.open()
		got := j.wait(t)
		if err := got.Recipients[0].Err; fates(got) != "L" || err.Error() != "421 4.3.2 closing" {
			t.Errorf("got %s", describe(got))
		}
	})
}

func TestSMTPUTF8OnlyWhereOffered(t *testing.T) {
	for _, offered := range []bool{true, false} {
		bubble(t, map[bool]string{true: "offered", false: "not offered"}[offered], func(t *testing.T) {
			config, want := smtptest.Config{}, "DD"
			if !offered {
				config.Omit, want = []string{"SMTPUTF8"}, "RD"
			}
			r := newRig(t, config, pool.Config{})
			defer r.close()
			j := newJob("a", "\u00e4@x.test", "b@x.test")
			r.push(j.turn())
			r.open()
			if got := j.wait(t); fates(got) != want {
				t.Errorf("got %s, want %s: %s", fates(got), want, describe(got))
			}
		})
	}
}

func TestCloseWhileCredentialsAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, loginConfig, pool.Config{})
		defer r.close()
		r.endpoint.Credentials = func(ctx context.Context) (string, string, error) {
			<-ctx.Done()
			return "", "", context.Cause(ctx)
		}
		r.open()
		time.Sleep(time.Second)
		quickly(t, "Close", func() { r.pool.Close() })
		if ends := r.ended(); len(ends) != 1 || !errors.Is(ends[0], pool.ErrClosed) {
			t.Errorf("got ends %v, want ErrClosed", ends)
		}
	})
}
