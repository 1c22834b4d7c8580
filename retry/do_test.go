package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/wneessen/go-mail"
)

var (
	errGreylisted = &textproto.Error{Code: 450, Msg: "4.2.0 Greylisted"}
	errUnknown    = &textproto.Error{Code: 550, Msg: "5.1.1 user unknown"}
	errDial       = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
)

// TestDoWaits has functions that fail as listed and then succeed.
func TestDoWaits(t *testing.T) {
	const s, m = time.Second, time.Minute
	throttled := &textproto.Error{Code: 421, Msg: "4.7.0 too many connections"}
	hinted := &textproto.Error{Code: 450, Msg: "4.2.0 Greylisted, try again in 17 minutes"}
	tests := []struct {
		name string
		errs []error
		want []time.Duration // without jitter
	}{
		{"at once", nil, nil},
		{"greylisted", []error{errGreylisted, errGreylisted}, []time.Duration{5 * m, 10 * m}},
		{"a hint", []error{hinted, hinted}, []time.Duration{17 * m, 17 * m}},
		{"dialling", []error{errDial, errDial, errDial}, []time.Duration{1 * s, 2 * s, 4 * s}},
		{"name not found", []error{&net.DNSError{IsNotFound: true}}, []time.Duration{1 * s}},
		{"certificate", []error{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}}, []time.Duration{5 * m}},
		{"full server behind TLS", []error{tls.RecordHeaderError{RecordHeader: [5]byte{'4', '2', '1', ' ', 'T'}}}, []time.Duration{5 * m}},
		{"perhaps after the dot", []error{io.EOF, io.EOF}, []time.Duration{1 * s, 5 * s}},
		{"a limit", []error{throttled, throttled}, []time.Duration{30 * s, 1 * m}},
		{"a login", []error{&textproto.Error{Code: 535, Msg: "5.7.8 no"}}, []time.Duration{5 * m}},
		{"go-mail before MAIL", []error{&mail.SendError{Reason: mail.ErrSMTPMailFrom}}, []time.Duration{1 * s}},
		{"go-mail at the dot", []error{&mail.SendError{Reason: mail.ErrSMTPDataClose}}, []time.Duration{1 * s}},
		{"go-mail after delivery", []error{&mail.SendError{Reason: mail.ErrSMTPReset}}, nil},
		{"a class begins anew", []error{errGreylisted, errGreylisted, errDial, errGreylisted},
			[]time.Duration{5 * m, 10 * m, 15 * m / 8, 5 * m}}, // the third is an eighth of the age
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var waits []time.Duration
				last := time.Now()
				n := 0
				err := Do(t.Context(), newPolicy(t, Config{}), func(context.Context) error {
					if n > 0 {
						waits = append(waits, time.Since(last))
					}
					last = time.Now()
					n++
					if n <= len(tt.errs) {
						return tt.errs[n-1]
					}
					return nil
				})
				if err != nil || len(waits) != len(tt.want) {
					t.Fatalf("%v after waits %v, want nil after %v", err, waits, tt.want)
				}
				for i, want := range tt.want {
					if waits[i] < want || waits[i] > want*36/25 { // jitter of the wait, and of the age
						t.Errorf("wait %d is %v, want %v and a little more", i, waits[i], want)
					}
				}
			})
		})
	}
}

func TestDoStopsAtFinalErrors(t *testing.T) {
	template := errors.New("template: no such field")
	for _, last := range []error{errUnknown, template, &mail.SendError{Reason: mail.ErrGetRcpts}} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := Do(t.Context(), newPolicy(t, Config{}), func(context.Context) error {
				calls++
				if calls == 1 {
					return errGreylisted
				}
				return last
			})
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Attempts != 2 || e.Last != last || e.Cause != nil || calls != 2 {
				t.Errorf("%v after %d calls, want an *Error with %v at attempt 2", err, calls, last)
			}
			if e.Verdict.Recipient == classify.RecipientLater {
				t.Errorf("verdict %+v", e.Verdict)
			}
		})
	}
}

// A message that may have been sent three times is not sent once more, whatever
// came between.
func TestDoMakesFewCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		err := Do(t.Context(), newPolicy(t, Config{}), func(context.Context) error {
			calls++
			if calls%2 == 0 {
				return errGreylisted
			}
			return io.ErrUnexpectedEOF
		})
		e, ok := errors.AsType[*Error](err)
		if !ok || calls != 5 || e.Verdict.Recipient != classify.RecipientAmbiguous || e.Last != io.ErrUnexpectedEOF {
			t.Errorf("%v after %d calls, want an end at the fifth, the third that may have sent it", err, calls)
		}
	})
}

func TestDoEndsWithItsContext(t *testing.T) {
	shutdown := errors.New("shutting down")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(7*time.Minute, func() { cancel(shutdown) })
		start := time.Now()
		err := Do(ctx, newPolicy(t, Config{}), func(context.Context) error { return errGreylisted })
		if !errors.Is(err, shutdown) || !errors.Is(err, errGreylisted) {
			t.Errorf("%v, want both the cause and the last error", err)
		}
		if e, _ := errors.AsType[*Error](err); e == nil || e.Attempts != 2 {
			t.Errorf("%#v, want 2 attempts", err)
		}
		if took := time.Since(start); took != 7*time.Minute {
			t.Errorf("returned after %v, want 7m0s", took)
		}
	})
}

func TestDoEndsWithItsContextDuringAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		err := Do(ctx, newPolicy(t, Config{}), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestDoDoesNotBeginWithoutAContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := Do(ctx, newPolicy(t, Config{}), func(context.Context) error {
		t.Error("the function ran")
		return nil
	})
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Attempts != 0 || e.Last != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%#v", err)
	}
}

// TestDoCountsAfreshPerCall shares one policy between calls.
func TestDoCountsAfreshPerCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPolicy(t, Config{})
		for range 3 {
			start, n := time.Now(), 0
			err := Do(t.Context(), p, func(context.Context) error {
				if n++; n == 1 {
					return errGreylisted
				}
				return nil
			})
			if took := time.Since(start); err != nil || took > 6*time.Minute {
				t.Errorf("%v after %v", err, took)
			}
		}
	})
}

func TestErrorText(t *testing.T) {
	tests := []struct {
		err  Error
		want string
	}{
		{Error{Cause: context.Canceled}, "retry: not tried: context canceled"},
		{Error{Attempts: 1, Last: io.EOF}, "retry: gave up at attempt 1: EOF"},
		{Error{Attempts: 3, Last: io.EOF, Cause: context.Canceled}, "retry: context canceled after attempt 3: EOF"},
	}
	for _, tt := range tests {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
