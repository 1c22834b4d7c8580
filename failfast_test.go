package smtpace

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
)

// dialFails returns a DialContext with an error of its own.
func dialFails(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
}

var errRefused = os.NewSyscallError("connect", syscall.ECONNREFUSED)

// withLogin adds a login to a relay that is on the loopback.
func withLogin(r *Relay, secret string) {
	dial, addr := r.DialContext, r.Addr
	r.Addr = "127.0.0.1:25"
	r.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) { return dial(ctx, network, addr) }
	r.Credentials = func(context.Context) (string, string, error) { return "u", secret, nil }
}

// hopelessRelays are failures that waiting rarely cures, with part of their text.
var hopelessRelays = map[string]struct {
	receiver smtptest.Config
	set      func(*Relay)
	says     string
}{
	"password":       {smtptest.Config{Users: map[string]string{"u": "p"}}, func(r *Relay) { withLogin(r, "wrong") }, "535"},
	"no login":       {smtptest.Config{}, func(r *Relay) { withLogin(r, "p") }, "login mechanism is not offered"},
	"login demanded": {smtptest.Config{Users: map[string]string{"u": "p"}, RequireAuth: true}, func(*Relay) {}, "530"},
	"no STARTTLS":    {smtptest.Config{}, func(r *Relay) { r.TLS = 0 }, "STARTTLS is not offered"},
	"certificate":    {smtptest.Config{StartTLS: true}, func(r *Relay) { r.TLS = 0 }, "certificate"},
	"no such name": {smtptest.Config{}, func(r *Relay) {
		r.DialContext = dialFails(&net.DNSError{Err: "no such host", Name: "mx.test", IsNotFound: true})
	}, "no such host"},
	"impossible secret": {smtptest.Config{Users: map[string]string{"u": "p"}}, func(r *Relay) { withLogin(r, "p\n") }, "ends with a line break"},
	"closed port":       {smtptest.Config{}, func(r *Relay) { r.DialContext = dialFails(errRefused) }, "connection refused"},
}

// TestFailFastEndsAtOnce sends through a relay that never worked.
func TestFailFastEndsAtOnce(t *testing.T) {
	for name, test := range hopelessRelays {
		t.Run(name, func(t *testing.T) {
			inWorld(t, test.receiver, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				test.set(&relay)
				s := newSender(t, Config{Relays: []Relay{relay}})
				for range 3 { // also while the relay rests
					start := time.Now()
					r, err := s.Send(t.Context(), rendered("m", "a@x.example"))
					within(t, start, 5*time.Second)
					if !errors.Is(err, ErrNeverWorked) || !strings.Contains(err.Error(), test.says) {
						t.Errorf("got %v, want an error with %q", err, test.says)
					}
					if st := r.Recipients[0].Status; st != NotTried && name != "login demanded" || !r.Recipients[0].SafeToResend() {
						t.Errorf("ended as %v", st)
					}
				}
				start := time.Now()
				if err := s.DialAndSend(newMsg(t, "a@x.example")); !errors.Is(err, ErrNeverWorked) {
					t.Errorf("DialAndSend: %v", err)
				}
				if n := s.impatient.Load(); n != 0 {
					t.Errorf("%d messages count as ones that may end at once, want none", n)
				}
				within(t, start, 5*time.Second)
			})
		})
	}
}

// patientRelays are failures that do not end a message at once.
var patientRelays = map[string]struct {
	receiver smtptest.Config
	set      func(*Relay)
}{
	"connect times out": {smtptest.Config{}, func(r *Relay) { r.DialContext = dialFails(os.ErrDeadlineExceeded) }},
	"banner times out":  {smtptest.Config{Fault: at(smtptest.StageConnect, smtptest.Fault{Silent: true, End: smtptest.Stall})}, func(*Relay) {}},
	"421 banner":        {smtptest.Config{Fault: at(smtptest.StageConnect, smtptest.Fault{Reply: "421 4.3.2 not now", End: smtptest.Close})}, func(*Relay) {}},
	"554 banner":        {smtptest.Config{Fault: at(smtptest.StageConnect, smtptest.Fault{Reply: "554 5.7.1 no", End: smtptest.Close})}, func(*Relay) {}},
	"454 login": {smtptest.Config{Users: map[string]string{"u": "p"}, Fault: at(smtptest.StageAuth, smtptest.Fault{Reply: "454 4.7.0 not now"})},
		func(r *Relay) { withLogin(r, "p") }},
	"no secret now": {smtptest.Config{Users: map[string]string{"u": "p"}}, func(r *Relay) {
		withLogin(r, "p")
		r.Credentials = func(context.Context) (string, string, error) { return "", "", errors.New("vault is sealed") }
	}},
	"DNS fails for now": {smtptest.Config{}, func(r *Relay) {
		r.DialContext = dialFails(&net.DNSError{Err: "server misbehaving", Name: "mx.test", IsTemporary: true})
	}},
	"DNS times out": {smtptest.Config{}, func(r *Relay) {
		r.DialContext = dialFails(&net.DNSError{Err: "i/o timeout", Name: "mx.test", IsTimeout: true, IsNotFound: true})
	}},
	"connection reset": {smtptest.Config{}, func(r *Relay) { r.DialContext = dialFails(syscall.ECONNRESET) }},
}

func at(stage smtptest.Stage, f smtptest.Fault) func(smtptest.Event) *smtptest.Fault {
	return smtptest.Rules(smtptest.Rule{Stage: stage, Fault: f})
}

// TestFailFastWaitsForWhatMayPass has failures that may pass: alone, and of one of
// two relays.
func TestFailFastWaitsForWhatMayPass(t *testing.T) {
	for name, test := range patientRelays {
		for _, second := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				inWorld(t, test.receiver, func(t *testing.T, srv *smtptest.Server) {
					relay, closed := relayTo(srv), relayTo(srv)
					test.set(&relay)
					relay.Name, closed.Name = "patient", "closed"
					closed.DialContext = dialFails(errRefused)
					cfg := Config{Relays: []Relay{relay}}
					if second {
						cfg.Relays = append(cfg.Relays, closed)
					}
					s := newSender(t, cfg)
					ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					r, err := s.Send(ctx, rendered("m", "a@x.example"))
					if !errors.Is(err, context.DeadlineExceeded) || r.Recipients[0].Status != NotTried {
						t.Errorf("got %v, want the end of the context", err)
					}
				})
			})
		}
	}
}

// TestFailFastSetting has single and bulk messages wait for a closed port, or end.
func TestFailFastSetting(t *testing.T) {
	for _, test := range []struct {
		setting      FailFast
		send, others bool // whether they end at once
	}{{FailFastSend, true, false}, {FailFastNever, false, false}, {FailFastAlways, true, true}} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			relay := relayTo(srv)
			relay.DialContext = dialFails(errRefused)
			s := newSender(t, Config{Relays: []Relay{relay}, FailFast: test.setting, Expiry: time.Hour})
			var got results
			ended := make(chan error, 2)
			go func() { ended <- s.SendAll(t.Context(), newsletter(10, "x.example"), got.done) }()
			if _, err := s.Submit(t.Context(), rendered("submitted", "a@x.example"), got.done); err != nil {
				t.Fatal(err)
			}
			go func() { _, err := s.Send(t.Context(), rendered("sent", "a@x.example")); ended <- err }()
			time.Sleep(10 * time.Second)
			want := 0
			if test.others {
				want = 11
			}
			if n := got.count(NotTried); n != want {
				t.Errorf("%d: %d messages have ended at once, want %d", test.setting, n, want)
			}
			if (len(ended) > 0) != test.send {
				t.Errorf("%d: Send has ended: %v", test.setting, len(ended) > 0)
			}
			for range 2 {
				<-ended
			}
		})
	}
	if _, err := New(Config{Relays: []Relay{{Addr: "mx.example:25"}}, FailFast: 3}); err == nil {
		t.Error("a FailFast that is none is accepted")
	}
}

// TestFailFastNotAfterMail has a relay refuse connections that took mail before: its
// mail waits. The relay is one of a Router, and is forgotten in between.
func TestFailFastNotAfterMail(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		var down atomic.Bool
		relay := relayTo(srv)
		relay.Name = "a"
		dial := relay.DialContext
		relay.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if down.Load() {
				return dialFails(errRefused)(ctx, network, addr)
			}
			return dial(ctx, network, addr)
		}
		s := newSender(t, Config{Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(relay), nil })})
		if _, err := s.Send(t.Context(), rendered("first", "a@x.example")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		down.Store(true)
		time.AfterFunc(10*time.Minute, func() { down.Store(false) })
		if _, err := s.Send(t.Context(), rendered("second", "a@x.example")); err != nil {
			t.Errorf("mail for a relay that is away for ten minutes: %v", err)
		}
	})
}

// TestFailFastFindsARelayThatWasMended has the relay listen after a while: messages
// are sent then, though none has waited for it.
func TestFailFastFindsARelayThatWasMended(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		start := time.Now()
		relay := relayTo(srv)
		dial := relay.DialContext
		relay.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if time.Since(start) < time.Hour {
				return dialFails(errRefused)(ctx, network, addr)
			}
			return dial(ctx, network, addr)
		}
		s := newSender(t, Config{Relays: []Relay{relay}})
		for time.Since(start) < 2*time.Hour {
			if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err == nil {
				break
			}
			time.Sleep(time.Minute)
		}
		within(t, start, 67*time.Minute)
	})
}

// TestFailFastAllowsATokenToBeRenewed has the first secret be out of date: the login
// that follows at once is part of the same attempt.
func TestFailFastAllowsATokenToBeRenewed(t *testing.T) {
	inWorld(t, smtptest.Config{Users: map[string]string{"u": "p"}}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		withLogin(&relay, "p")
		var calls atomic.Int32
		relay.Credentials = func(context.Context) (string, string, error) {
			if calls.Add(1) == 1 {
				return "u", "out of date", nil
			}
			return "u", "p", nil
		}
		s := newSender(t, Config{Relays: []Relay{relay}})
		if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err != nil {
			t.Error(err)
		}
	})
}

// TestEveryEndNamesItsCause ends a message that waits for a relay in each way.
func TestEveryEndNamesItsCause(t *testing.T) {
	fault := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageAuth, Fault: smtptest.Fault{Reply: "535 5.7.8 wrong password"}})
	why := errors.New("changed my mind")
	for name, test := range map[string]struct {
		end  func(s *Sender, sub *Submission, cancel context.CancelCauseFunc)
		want error
	}{
		"cancel":   {func(_ *Sender, _ *Submission, cancel context.CancelCauseFunc) { cancel(why) }, why},
		"withdraw": {func(_ *Sender, sub *Submission, _ context.CancelCauseFunc) { sub.Withdraw(why) }, why},
		"close":    {func(s *Sender, _ *Submission, _ context.CancelCauseFunc) { _ = s.Close() }, ErrClosed},
		"expiry":   {func(*Sender, *Submission, context.CancelCauseFunc) {}, ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Users: map[string]string{"u": "p"}, Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
				relay := relayTo(srv)
				withLogin(&relay, "p")
				s := newSender(t, Config{Relays: []Relay{relay}, Expiry: time.Hour, FailFast: FailFastNever})
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				sub, err := s.Submit(t.Context(), rendered("m", "a@x.example"), nil)
				if err != nil {
					t.Fatal(err)
				}
				sent := make(chan error, 1)
				go func() { _, err := s.Send(ctx, rendered("n", "a@x.example")); sent <- err }()
				time.Sleep(time.Minute)
				test.end(s, sub, cancel)
				err = nil
				if name == "cancel" {
					err = <-sent
				} else {
					<-sub.Done()
					err = sub.Result().Err()
				}
				reply, ok := errors.AsType[*classify.Reply](err)
				if !errors.Is(err, test.want) || !ok || reply.Code != 535 || !strings.Contains(err.Error(), "relay: pool: ") {
					t.Errorf("got %v, want %v and the 535", err, test.want)
				}
			})
		})
	}
}

// TestEndNamesAConnectionThatDoesNotCome has a relay that does not answer at all.
func TestEndNamesAConnectionThatDoesNotCome(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		relay := relayTo(srv)
		relay.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		s := newSender(t, Config{Relays: []Relay{relay}})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := s.Send(ctx, rendered("m", "a@x.example")); err == nil || !strings.Contains(err.Error(), `relay "mx.test:25": no connection after 10s`) {
			t.Errorf("got %v", err)
		}
	})
}

// TestLoggerNilWarns has a Sender without a Logger use that of slog, for warnings.
func TestLoggerNilWarns(t *testing.T) {
	var out bytes.Buffer
	old := slog.Default()
	defer slog.SetDefault(old)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, logger := range []*slog.Logger{nil, slog.New(slog.DiscardHandler)} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			out.Reset()
			relay, start := relayTo(srv), time.Now()
			relay.DialContext = unreachable(func() bool { return time.Since(start) < time.Minute }, relay.DialContext)
			s, err := New(Config{Relays: []Relay{relay}, Logger: logger})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Send(t.Context(), rendered("m", "a@x.example")); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			warned, informed := strings.Contains(out.String(), "level=WARN"), strings.Contains(out.String(), "level=INFO")
			if warned != (logger == nil) || informed {
				t.Errorf("with %v, the default logger got %q", logger, &out)
			}
		})
	}
}

// Each way in which a certificate is refused is told from other trouble.
func TestBadCertificates(t *testing.T) {
	for _, err := range []error{
		&tls.CertificateVerificationError{Err: io.EOF}, x509.UnknownAuthorityError{}, x509.HostnameError{Host: "mx.test", Certificate: &x509.Certificate{}},
		x509.CertificateInvalidError{Reason: x509.Expired},
	} {
		if !badCertificate(fmt.Errorf("tls: %w", err)) {
			t.Errorf("%T is none", err)
		}
	}
	for _, err := range []error{io.EOF, tls.RecordHeaderError{Msg: "no TLS"}, os.ErrDeadlineExceeded} {
		if badCertificate(err) {
			t.Errorf("%T is one", err)
		}
	}
}

// A delivery that has no path yet is not without hope.
func TestNoPathIsNotHopeless(t *testing.T) {
	if faults := (*path)(nil).hopeless(); faults != nil {
		t.Errorf("got %v", faults)
	}
}
