package pool_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestOpportunisticTLSFallsBack takes away TLS in the ways that servers do.
func TestOpportunisticTLSFallsBack(t *testing.T) {
	broken := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHandshake, Fault: smtptest.Fault{End: smtptest.Close}})
	verify := func(r *rig) error { return r.pool.Verify(never, r.endpoint) }
	bubble(t, "handshake breaks off: clear text after 5 minutes", func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true, Fault: broken}, pool.Config{})
		defer r.close()
		r.endpoint.TLS = pool.TLSOpportunistic
		start := time.Now()
		for verify(r) != nil {
			time.Sleep(10 * time.Second)
			if time.Since(start) > time.Hour {
				t.Fatal("it never fell back")
			}
		}
		if took := time.Since(start); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("clear text after %v, want 5 minutes", took)
		}
		if err := verify(r); err != nil {
			t.Errorf("the next: %v", err)
		}
		r.open()
		synctest.Wait()
		time.Sleep(time.Second)
		for c := range r.conns {
			if by := c.Security(); by.TLS != "" || by.Fallback == nil || !strings.HasPrefix(by.String(), "clear text, as TLS failed") {
				t.Errorf("got %v", by)
			}
		}
	})
	bubble(t, "never with a login, and never for a certificate", func(t *testing.T) {
		r := newRig(t, smtptest.Config{StartTLS: true, Users: map[string]string{"me": canary}, Fault: broken}, pool.Config{})
		defer r.close()
		r.endpoint.TLS = pool.TLSOpportunistic
		other := newRig(t, smtptest.Config{StartTLS: true}, pool.Config{})
		defer other.close()
		other.endpoint.TLS, other.endpoint.TLSConfig = pool.TLSOpportunistic, nil
		withLogin(r, "me", canary)
		for range 20 {
			if verify(r) == nil || verify(other) == nil {
				t.Fatal("it fell back")
			}
			time.Sleep(time.Minute)
		}
	})
	bubble(t, "STARTTLS is gone where it has worked", func(t *testing.T) {
		gone := false
		r := newRig(t, smtptest.Config{StartTLS: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
			if gone && ev.Stage == smtptest.StageHelo {
				return &smtptest.Fault{Reply: "250 mx.test"}
			}
			return nil
		}}, pool.Config{})
		defer r.close()
		r.endpoint.TLS = pool.TLSOpportunistic
		if err := verify(r); err != nil {
			t.Fatal(err)
		}
		gone = true
		start := time.Now()
		for verify(r) != nil && time.Since(start) < time.Hour {
			time.Sleep(10 * time.Second)
		}
		if took := time.Since(start); took < 5*time.Minute || took > 6*time.Minute {
			t.Errorf("clear text after %v, want 5 minutes", took)
		}
	})
}

// narrow is a connection through something that does not take a TLS hello of more
// than one packet: it loses it, or closes.
type narrow struct {
	net.Conn
	closes, lost bool
}

func (n *narrow) Write(p []byte) (int, error) {
	const handshake, packet = 22, 1400
	if n.lost = n.lost || len(p) > packet && p[0] == handshake; !n.lost {
		return n.Conn.Write(p)
	}
	if n.closes {
		n.Conn.Close()
	}
	return len(p), nil
}

// climbing returns a rig with opportunistic TLS, and the number of its dials.
func climbing(t *testing.T, c *tls.Config, wrap func(net.Conn) net.Conn) (r *rig, dials *int) {
	r = newRig(t, smtptest.Config{StartTLS: true, TLSConfig: c}, pool.Config{})
	r.endpoint.TLS, r.endpoint.TLSConfig = pool.TLSOpportunistic, &tls.Config{InsecureSkipVerify: true}
	if c == nil {
		r.endpoint.TLSConfig = r.server.ClientTLS()
	}
	dials = new(int)
	r.endpoint.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		*dials++
		conn, err := r.server.DialContext(ctx, network, addr)
		if err == nil && wrap != nil {
			conn = wrap(conn)
		}
		return conn, err
	}
	return r, dials
}

// security opens a connection, says how it is secured, and closes it.
func (r *rig) security(t *testing.T) (by pool.Security) {
	t.Helper()
	u := &asked{queued: newQueued(turn{last: true}), by: &by}
	if err := r.pool.Open(r.endpoint, u); err != nil {
		t.Fatal(err)
	}
	if err := <-u.closed; err != nil {
		t.Fatalf("no session: %v", err)
	}
	return by
}

// asked is a User that notes how its connection is secured.
type asked struct {
	*queued
	by *pool.Security
}

func (a *asked) Opened(c *pool.Conn) { *a.by = c.Security() }

// TestRungsInBetween has servers that can do TLS, but not as it is tried first. A
// connection finds the rung that works in a second or third dial, later ones begin
// there, and a day later the best is tried again.
func TestRungsInBetween(t *testing.T) {
	certificate := namedCertificate(t, "mx.test")
	with := func(c *tls.Config) *tls.Config {
		c.Certificates = []tls.Certificate{certificate}
		return c
	}
	for _, tt := range []struct {
		name  string
		tls   *tls.Config // nil: TLS 1.3 and 1.2
		wrap  func(net.Conn) net.Conn
		takes time.Duration
		dials int
		want  string
		why   string // in the reason for the fallback
	}{
		{"the hello is lost", nil, func(c net.Conn) net.Conn { return &narrow{Conn: c} }, 20 * time.Second, 2, "TLS 1.3", "timeout"},
		{"the hello breaks off the connection", nil, func(c net.Conn) net.Conn { return &narrow{Conn: c, closes: true} }, 0, 2, "TLS 1.3", ""},
		{"TLS 1.0 alone", with(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}), nil, 0, 2, "TLS 1.0", "protocol version"},
		{"a cipher suite that is not safe", with(&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}}), nil, 0, 2, "TLS 1.2", "handshake failure"},
		{"both", with(&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}), func(c net.Conn) net.Conn { return &narrow{Conn: c, closes: true} }, 0, 3, "TLS 1.1", ""},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			r, dials := climbing(t, tt.tls, tt.wrap)
			defer r.close()
			check := func(when string, wantDials int, takes time.Duration) {
				t.Helper()
				*dials = 0
				start := time.Now()
				by := r.security(t)
				if by.TLS != tt.want || by.Fallback == nil || !strings.Contains(by.Fallback.Error(), tt.why) || !strings.HasPrefix(by.String(), tt.want+", as TLS failed: ") {
					t.Errorf("%s: got %v, want %s because of %q", when, by, tt.want, tt.why)
				}
				if took := time.Since(start); *dials != wantDials || took > takes+time.Second || took < takes {
					t.Errorf("%s: %d dials in %v, want %d in %v", when, *dials, took, wantDials, takes)
				}
			}
			check("first", tt.dials, tt.takes)
			check("second", 1, 0)
			time.Sleep(24*time.Hour - time.Minute)
			check("before the day is over", 1, 0)
			time.Sleep(2 * time.Minute)
			check("a day later", tt.dials, tt.takes)
		})
	}
}

// TestTLSThatStaysBroken: where every way of TLS has failed, it is tried once a day, in one
// way, before the mail goes in clear text.
func TestTLSThatStaysBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, dials := climbing(t, nil, func(c net.Conn) net.Conn { return &noTLS{c} })
		defer r.close()
		var told []string
		for _, pause := range []time.Duration{0, time.Minute, 5 * time.Minute, time.Minute, 24 * time.Hour, time.Minute} {
			time.Sleep(pause)
			err := r.pool.Verify(never, r.endpoint)
			told = append(told, fmt.Sprintf("%d dials, works %v", *dials, err == nil))
			*dials = 0
		}
		if got, want := strings.Join(told, "; "), "3 dials, works false; 1 dials, works false; 1 dials, works true; 1 dials, works true; 2 dials, works true; 1 dials, works true"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// noTLS is a connection that ends at a TLS hello.
type noTLS struct{ net.Conn }

func (n *noTLS) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] == 22 {
		n.Conn.Close()
	}
	return n.Conn.Write(p)
}

// TestTLSThatIsMended: what was learned of TLS that failed does not outlive a day, and
// tells of no fallback then.
func TestTLSThatIsMended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := true
		r, dials := climbing(t, nil, func(c net.Conn) net.Conn {
			if broken {
				return &narrow{Conn: c, closes: true}
			}
			return c
		})
		defer r.close()
		if by := r.security(t); by.Fallback == nil {
			t.Fatal("TLS did not fail")
		}
		broken = false
		time.Sleep(25 * time.Hour)
		*dials = 0
		if by := r.security(t); by.TLS != "TLS 1.3" || by.Fallback != nil || by.String() != "TLS 1.3" || *dials != 1 {
			t.Errorf("got %v after %d dials, want TLS 1.3 at once and no fallback", by, *dials)
		}
	})
}

// TestTheDialAfterTLSFailed: where TLS has failed and the server cannot be reached for
// another try, the error is that of the dial.
func TestTheDialAfterTLSFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("no route to it any more")
		r, dials := climbing(t, nil, func(c net.Conn) net.Conn { return &noTLS{c} })
		defer r.close()
		dial := r.endpoint.DialContext
		r.endpoint.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if *dials == 1 {
				return nil, gone
			}
			return dial(ctx, network, addr)
		}
		err := r.pool.Verify(never, r.endpoint)
		if e, ok := errors.AsType[*pool.Error](err); !ok || e.Stage != classify.StageConnect || !errors.Is(err, gone) {
			t.Errorf("error %v, want that of the second dial", err)
		}
	})
}

// TestTheUsersTLSSettingsHold: no rung goes below what the user has set.
func TestTheUsersTLSSettingsHold(t *testing.T) {
	certificate := []tls.Certificate{namedCertificate(t, "mx.test")}
	for name, c := range map[string]struct{ server, client *tls.Config }{
		"version": {&tls.Config{Certificates: certificate, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, &tls.Config{MinVersion: tls.VersionTLS12}},
		"suites": {&tls.Config{Certificates: certificate, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}},
			&tls.Config{CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}},
		"curves": {&tls.Config{Certificates: certificate, CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256}}, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}},
	} {
		bubble(t, name, func(t *testing.T) {
			r, _ := climbing(t, c.server, nil)
			defer r.close()
			r.endpoint.TLSConfig = c.client.Clone()
			r.endpoint.TLSConfig.InsecureSkipVerify = true
			for start := time.Now(); time.Since(start) < 4*time.Minute; time.Sleep(10 * time.Second) {
				if err := r.pool.Verify(never, r.endpoint); err == nil {
					t.Fatal("TLS came about")
				}
			}
			time.Sleep(2 * time.Minute)
			r.pool.Verify(never, r.endpoint) // may still be a try of TLS
			if by := r.security(t); by.TLS != "" || by.Fallback == nil {
				t.Errorf("got %v, want clear text", by)
			}
		})
	}
}

// TestClearTextAtOnce: where TLS never worked, or not for a day, a server that offers
// or begins none gets its mail in clear text without a wait; where it worked
// yesterday, it does not.
func TestClearTextAtOnce(t *testing.T) {
	for _, tt := range []struct {
		since time.Duration // since TLS worked; 0: it never did
		says  smtptest.Rule
		clear bool
	}{
		{0, smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250 mx.test")}, true},
		{0, smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: reply("454 4.7.0 not now")}, true},
		{0, smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: reply("501 5.5.4 what")}, true},
		{0, smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: smtptest.Fault{Reply: "421 4.3.2 closing", End: smtptest.Close}}, false},
		{23 * time.Hour, smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250 mx.test")}, false},
		{23 * time.Hour, smtptest.Rule{Stage: smtptest.StageStartTLS, Fault: reply("454 4.7.0 not now")}, false},
		{25 * time.Hour, smtptest.Rule{Stage: smtptest.StageHelo, Fault: reply("250 mx.test")}, true},
	} {
		bubble(t, fmt.Sprintf("%v %s %s", tt.since, tt.says.Stage, tt.says.Fault.Reply), func(t *testing.T) {
			gone := false
			rules := smtptest.Rules(tt.says)
			r := newRig(t, smtptest.Config{StartTLS: true, Fault: func(ev smtptest.Event) *smtptest.Fault {
				if gone {
					return rules(ev)
				}
				return nil
			}}, pool.Config{})
			defer r.close()
			r.endpoint.TLS = pool.TLSOpportunistic
			if tt.since > 0 {
				if err := r.pool.Verify(never, r.endpoint); err != nil {
					t.Fatal(err)
				}
				time.Sleep(tt.since)
			}
			gone = true
			before := r.server.Stats().Connections
			err := r.pool.Verify(never, r.endpoint)
			if n, want := r.server.Stats().Connections-before, map[bool]int{true: 1, false: 1}[tt.clear]; n != want {
				t.Errorf("%d connections, want %d", n, want)
			}
			if (err == nil) != tt.clear {
				t.Errorf("got %v, want clear text: %v", err, tt.clear)
			}
			if err != nil && asError(t, err).Stage != classify.StageStartTLS {
				t.Errorf("got %v", err)
			}
		})
	}
}
