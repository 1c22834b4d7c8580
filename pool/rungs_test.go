package pool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// TestFailuresThatAnotherRungMayCure are those of TLS, but for certificates, our own doing
// and what looks like tampering.
func TestFailuresThatAnotherRungMayCure(t *testing.T) {
	for _, tt := range []struct {
		err        error
		cure, lost bool // whether the peer has ended the connection or said nothing
	}{
		{io.EOF, true, true}, {io.ErrUnexpectedEOF, true, true}, {syscall.ECONNRESET, true, true}, {syscall.EPIPE, true, true}, {net.ErrClosed, true, true}, {os.ErrDeadlineExceeded, true, true},
		{errors.New("tls: handshake failure"), true, false}, {tls.RecordHeaderError{}, true, false}, {tls.AlertError(40), true, false},
		{&classify.Reply{Code: 454}, true, false}, {&classify.Reply{Code: 500}, true, false}, {&classify.Reply{Code: 421}, false, false},
		{context.Canceled, false, false}, {ErrClosed, false, false}, {errInjected, false, false}, {ErrTLSProof, false, false},
		{&tls.CertificateVerificationError{Err: errors.New("x")}, false, false}, {x509.HostnameError{Certificate: &x509.Certificate{}}, false, false},
		{x509.UnknownAuthorityError{}, false, false}, {x509.CertificateInvalidError{Cert: &x509.Certificate{}}, false, false},
	} {
		for _, err := range []error{tt.err, fmt.Errorf("read: %w", tt.err)} {
			if got := isTLSFailure(&Error{Stage: classify.StageStartTLS, Err: err}); got != tt.cure {
				t.Errorf("%v: another rung may cure it: %v", err, got)
			}
			if isTLSFailure(&Error{Stage: classify.StageEHLO, Err: err}) || isTLSFailure(err) {
				t.Errorf("%v at another stage: another rung may cure it", err)
			}
			if got := lostOrSilent(err); got != tt.lost {
				t.Errorf("%v: lost or silent: %v", err, got)
			}
		}
	}
}

// TestAbortsAreTold to who asks before, at once to who asks behind, and to nobody that asks
// no more.
func TestAbortsAreTold(t *testing.T) {
	why := errors.New("why")
	abort := func(w *wire) { w.abort(why) }
	for name, steps := range map[string]struct {
		before, behind bool // whether it asks before the abort, and behind
		ends           bool // and no more when it comes
		want           bool
	}{
		"nobody asks": {false, false, false, false}, "asked before": {true, false, false, true}, "asked behind": {false, true, false, true}, "asked no more": {true, false, true, false},
	} {
		near, far := net.Pipe()
		w := newWire(near)
		ctx, stop := context.WithCancelCause(t.Context())
		defer stop(nil)
		if steps.before {
			w.onAbort(stop)
		}
		if steps.ends {
			w.onAbort(nil)
		}
		abort(w)
		if steps.behind {
			w.onAbort(stop)
		}
		if got := context.Cause(ctx) == why; got != steps.want {
			t.Errorf("%s: told: %v", name, got)
		}
		near.Close()
		far.Close()
	}
}

// TestClearTextTakesItsTime: five minutes since TLS failed first, and every way of it.
func TestClearTextTakesItsTime(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		all  bool
		ago  time.Duration
		want bool
	}{{true, clearAfter, true}, {true, clearAfter - 1, false}, {false, clearAfter, false}, {false, 0, false}} {
		l := &ladder{all: tt.all, failed: now.Add(-tt.ago)}
		if got := l.mayClear(now); got != tt.want {
			t.Errorf("every way has failed: %v, first %v ago: clear text is %v", tt.all, tt.ago, got)
		}
	}
}
