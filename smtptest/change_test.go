package smtptest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSetLimitsCountsOn(t *testing.T) {
	perMinute := func(n int) Limits { return Limits{MessageRate: Rate{Count: n, Per: time.Minute, Sliding: true}} }
	inBubble(t, Config{Limits: perMinute(2)}, func(t *testing.T, srv *Server) {
		play(t, srv, opened+`
			> RSET
			< 250`)
		srv.SetLimits(perMinute(1)) // which the one before has filled
		play(t, srv, `
			< 220
			> EHLO c
			< 250
			> MAIL FROM:<>
			< 450 4.7.1 Error: too much mail
			wait 60s
			> MAIL FROM:<>
			< 250`)
	})
}

func TestSetLimitsRejectsContradictions(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, srv *Server) {
		defer func() {
			if recover() == nil {
				t.Error("limits with a negative cap did not panic")
			}
		}()
		srv.SetLimits(Limits{Connections: Cap{Max: -1}})
	})
}

func TestSetDown(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, srv *Server) {
		conn, err := srv.DialContext(t.Context(), "tcp", srv.Addr)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		srv.SetDown(true)
		if _, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("an open connection ended with %v, want a reset", err)
		}
		if _, err := srv.DialContext(t.Context(), "tcp", srv.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialling gave %v, want ECONNREFUSED", err)
		}
		srv.SetDown(false)
		play(t, srv, "< 220")
		if s := srv.Stats(); s.Connections != 2 || s.Refused != 1 {
			t.Errorf("%d connections were greeted and %d refused, want 2 and 1", s.Connections, s.Refused)
		}
	})
}

func TestSetDownOverASocket(t *testing.T) {
	srv := NewServer(Config{})
	defer srv.Close()
	srv.SetDown(true)
	conn, err := net.Dial("tcp", srv.Addr)
	if errors.Is(err, syscall.ECONNRESET) { // before the dial had returned
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if b, err := io.ReadAll(conn); len(b) > 0 || errors.Is(err, net.ErrClosed) || err == nil {
		t.Errorf("read %q and %v, want a reset", b, err)
	}
}
