package smtpace_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/mtatest"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/throttle"
)

// What only a Postfix can be made to do.

// TestPostfixWantsAFullHELO sends to a Postfix that refuses every recipient of a
// client whose name is neither fully qualified nor an address literal.
func TestPostfixWantsAFullHELO(t *testing.T) {
	t.Parallel()
	server := mtatest.Start(t, mtatest.Postfix, mtatest.Config{FullHELO: true})
	for _, test := range []struct{ name, helo string }{
		{"by default", ""},
		{"a name", "client.test"},
		{"an address literal", "[127.0.0.1]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{{Addr: server.Addr, HELO: test.helo, TLS: pool.TLSNone}}})
			if err != nil {
				t.Fatal(err)
			}
			defer sender.Close()
			if err := sender.Verify(t.Context()); err != nil {
				t.Errorf("Verify: %v", err)
			}
			result, err := sender.Send(t.Context(), heloMessage())
			if err != nil {
				t.Errorf("Send: got %+v, %v, want all delivered", result, err)
			}
		})
	}
}

// TestPostfixRefusesTheHELO expects a name that the receiver refuses to refuse no
// recipient for good: it is the sender's, and can be mended.
func TestPostfixRefusesTheHELO(t *testing.T) {
	t.Parallel()
	server := mtatest.Start(t, mtatest.Postfix, mtatest.Config{FullHELO: true})
	relay := smtpace.Relay{Addr: server.Addr, HELO: "bare", TLS: pool.TLSNone}
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay}})
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	m := heloMessage()
	m.Expiry = 3 * time.Second
	submission, err := sender.Submit(t.Context(), m, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-submission.Done()
	for _, r := range submission.Result().Recipients {
		if r.Status == smtpace.Refused || r.Status == smtpace.Delivered {
			t.Errorf("%s: got %v, %v, want it put off until it expired", r.Address, r.Status, r.Err)
		}
	}
}

func heloMessage() smtpace.Message {
	return smtpace.Message{
		From: "news@sender.example", To: []string{"a@one.example", "b@one.example", "c@two.example"},
		Data: []byte("Subject: who is there\r\n\r\nHello.\r\n"),
	}
}

// TestPostfixForbidsPipelining sends to a Postfix that refuses every command that
// comes before it may. Envelopes behind the dot are allowed.
func TestPostfixForbidsPipelining(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		server mtatest.Config
	}{
		{"pipelining", mtatest.Config{}},
		{"lock-step", mtatest.Config{LockStep: true}},
		{"STARTTLS", mtatest.Config{TLS: true}},
		{"STARTTLS and lock-step", mtatest.Config{TLS: true, LockStep: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.server.Synchronized = true
			server := mtatest.Start(t, mtatest.Postfix, test.server)
			sender, open := conformanceSender(t, server, throttle.Limits{Connections: 2, MessagesPerConnection: 30})
			if err := sender.Verify(t.Context()); err != nil {
				t.Error(err)
			}
			const body = "Hello.\r\n"
			samples := append(conformanceNotes(t, 200),
				newSample("none accepted", body, body, mtatest.Refused+"@one.example", mtatest.Refused+"@two.example"),
				newSample("some accepted", body, body, mtatest.Refused+"@one.example", "a@one.example", "b@one.example"))
			sendSamples(t, sender, samples, checkEach(t, samples))
			if err := sender.Shutdown(t.Context()); err != nil { // says QUIT everywhere
				t.Error(err)
			}
			if lost := open.lost(); lost > 0 {
				t.Errorf("connections lost: got %d, want none", lost)
			}
			expectSamples(t, server.Copies(t, conformanceTimeout), samples, nil)
			for _, text := range []string{"improper command pipelining", "Improper use of SMTP command pipelining", "protocol synchronization"} {
				if n := server.Logged(t, text); n > 0 {
					t.Errorf("lines of Postfix's log with %q: got %d, want none", text, n)
				}
			}
		})
	}
}

// checkEach returns a function that checks the Result of each sample.
func checkEach(t *testing.T, samples []sample) func(*smtpace.Result) {
	byID := map[string]sample{}
	for _, l := range samples {
		byID[l.id] = l
	}
	return func(r *smtpace.Result) { byID[r.ID.(string)].check(t, r) }
}

// TestPostfixKilledInMidSession sends to a Postfix whose sessions are killed while
// mail flows, so that connections are reset and replies that were held back are
// lost. All of it comes; what is ambiguous may come twice, nothing else may.
func TestPostfixKilledInMidSession(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		server mtatest.Config
		kill   bool
		// ambiguous is the greatest number of ambiguous tries per lost connection.
		ambiguous float64
	}{
		// The reply to the dot before is known by then, unless the MAIL came with
		// that dot.
		{name: "at MAIL", server: mtatest.Config{KillAtMail: 50}, ambiguous: 0.25},
		// Most of the time of a session is spent between the dot and its reply.
		{name: "anywhere", kill: true, ambiguous: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := mtatest.Start(t, mtatest.Postfix, test.server)
			sender, open := conformanceSender(t, server, throttle.Limits{Connections: 4})
			samples := conformanceNotes(t, 600)
			ambiguous, check := map[string]int{}, checkEach(t, samples)
			var settled atomic.Int64
			var sending sync.WaitGroup
			sending.Go(func() {
				sendSamples(t, sender, samples, func(r *smtpace.Result) {
					check(r)
					if n := r.Recipients[0].Ambiguous; n > 0 {
						ambiguous[r.ID.(string)] = n
					}
					settled.Add(1)
				})
			})
			for mark := int64(50); test.kill && mark < 500; mark += 75 {
				for settled.Load() < mark && !t.Failed() {
					time.Sleep(time.Millisecond)
				}
				server.KillSessions(t, func() bool { return settled.Load() == int64(len(samples)) })
			}
			sending.Wait()
			twice := expectSamples(t, server.Copies(t, conformanceTimeout), samples, ambiguous)
			tries := 0
			for _, n := range ambiguous {
				tries += n
			}
			lost := open.lost()
			t.Logf("%d connections lost, %d tries ambiguous, %d messages came twice", lost, tries, twice)
			if lost < 5 {
				t.Errorf("connections lost: got %d, want 5 at least, or this test has not tested anything", lost)
			}
			if most := test.ambiguous*float64(lost) + 1; float64(tries) > most {
				t.Errorf("ambiguous tries: got %d, want %.1f at most for %d lost connections", tries, most, lost)
			}
		})
	}
}
