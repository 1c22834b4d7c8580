package pool_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
