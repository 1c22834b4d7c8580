package smtpace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

func TestSendDelivers(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		m := newMsg(t, "a@one.example", "b@one.example", "c@two.example")
		if err := m.Bcc("hidden@two.example"); err != nil {
			t.Fatal(err)
		}
		r, err := s.SendMail(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		for _, rcpt := range r.Recipients {
			if rcpt.Status != Delivered || rcpt.Tries != 1 || rcpt.Attempts != 1 || rcpt.Reply == nil || rcpt.Reply.Code != 250 || rcpt.Err != nil {
				t.Errorf("%+v", rcpt)
			}
		}
		if len(r.Recipients) != 4 || r.Recipients[3].Address != "hidden@two.example" {
			t.Errorf("recipients: %+v", r.Recipients)
		}
		if n := srv.Stats().Messages; n != 2 {
			t.Errorf("%d transactions for two destinations", n)
		}
		if bytes.Contains(srv.Transactions()[0].Data, []byte("hidden")) {
			t.Error("the message names its blind recipient")
		}
	})
}

// One of three recipients is refused for now, one for good: the third gets the
// mail at once, the first later, the second never again, and none twice.
func TestHalfRefusedRecipients(t *testing.T) {
	fault := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "later@x.example", Times: 1, Fault: smtptest.Fault{Reply: "450 4.3.2 try again"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "never@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no such user"}},
	)
	inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		start := time.Now()
		r, err := s.SendMail(t.Context(), newMsg(t, "later@x.example", "never@x.example", "now@x.example"))
		failed, ok := errors.AsType[*SendError](err)
		if !ok || failed.Result != r {
			t.Fatalf("error is %v", err)
		}
		if reply, ok := errors.AsType[*classify.Reply](err); !ok || reply.Code != 550 || reply.Enhanced != "5.1.1" {
			t.Errorf("the error unwraps to %v", reply)
		}
		later, never, now := r.Recipients[0], r.Recipients[1], r.Recipients[2]
		if later.Status != Delivered || later.Tries != 2 {
			t.Errorf("later: %+v", later)
		}
		if never.Status != Refused || never.Tries != 1 || never.Class != classify.BadMailbox {
			t.Errorf("never: %+v", never)
		}
		if now.Status != Delivered || now.Tries != 1 || now.LastTry.Sub(start) > time.Second {
			t.Errorf("now: %+v", now)
		}
		mails := map[string]int{}
		asked := map[string]int{}
		for _, tx := range srv.Transactions() {
			for _, rcpt := range tx.Recipients {
				asked[rcpt.Address]++
			}
			for _, to := range tx.To() {
				mails[to]++
			}
		}
		if mails["now@x.example"] != 1 || mails["later@x.example"] != 1 || asked["never@x.example"] != 1 {
			t.Errorf("mails %v, asked %v", mails, asked)
		}
	})
}

func TestGreylistingWaitsAsLongAsTheReplySays(t *testing.T) {
	inWorld(t, smtptest.Config{Domains: map[string]smtptest.Domain{"grey.example": {Greylist: smtptest.Greylist{
		Delay: 299 * time.Second, Reply: "451 4.7.1 Greylisted, please try again in 300 seconds",
	}}}}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		start := time.Now()
		r, err := s.SendMail(t.Context(), newMsg(t, "a@grey.example"))
		if err != nil {
			t.Fatal(err)
		}
		if rcpt := r.Recipients[0]; rcpt.Tries != 2 || rcpt.Attempts != 2 {
			t.Errorf("%+v", rcpt)
		}
		if took := time.Since(start); took < 300*time.Second || took > 361*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Invariant 1, and with it 3, 4 and 5: under random faults at every stage every
// recipient ends exactly once, what was taken is intact, and only ambiguous
// tries make second copies.
func TestInvariant1EveryRecipientEndsOnce(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			chaos := newChaos(uint64(seed))
			inWorld(t, smtptest.Config{Fault: chaos.fault}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				var got results
				var messages []Message
				for i := range 150 {
					messages = append(messages, rendered(fmt.Sprintf("m%d", i), fmt.Sprintf("a%d@d%d.example", i, i%7), fmt.Sprintf("b%d@d%d.example", i, i%5)))
				}
				if err := s.SendAll(t.Context(), slices.Values(messages), got.done); err != nil {
					t.Fatal(err)
				}
				chaos.check(t, srv, messages, &got)
				intact(t, srv, messages...)
			})
		})
	}
}

// Invariant 2: errors of the line, of TLS, of the login and 503 refuse nothing.
func TestInvariant2FaultsOfTheLineRefuseNothing(t *testing.T) {
	for name, fault := range map[string]smtptest.Rule{
		"503 at MAIL":      {Stage: smtptest.StageMail, Times: 3, Fault: smtptest.Fault{Reply: "503 5.5.1 nested MAIL"}},
		"reset at DATA":    {Stage: smtptest.StageData, Times: 3, Fault: smtptest.Fault{End: smtptest.Reset}},
		"close at MAIL":    {Stage: smtptest.StageMail, Times: 3, Fault: smtptest.Fault{Silent: true, End: smtptest.Close}},
		"550 banner":       {Stage: smtptest.StageConnect, Times: 3, Fault: smtptest.Fault{Reply: "554 5.7.1 go away", End: smtptest.Close}},
		"dial refused":     {Stage: smtptest.StageDial, Times: 3, Fault: smtptest.Fault{End: smtptest.Close}},
		"garbage at RCPT":  {Stage: smtptest.StageRcpt, Times: 3, Fault: smtptest.Fault{Raw: "\x00\xffwhat\r\n"}},
		"body interrupted": {Stage: smtptest.StageBody, Times: 3, Fault: smtptest.Fault{End: smtptest.Reset}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, smtptest.Config{Fault: smtptest.Rules(fault)}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example", "b@x.example"))
				if err != nil {
					t.Fatalf("%v; %+v", err, r)
				}
				if n := srv.Stats().Messages; n != 1 {
					t.Errorf("%d copies", n)
				}
			})
		})
	}
}

// Invariant 4: the reply to the dot is lost; by default the same bytes go again,
// else the recipient is reported as unknown.
func TestInvariant4LostReplyIsAmbiguous(t *testing.T) {
	lost := smtptest.Rule{Stage: smtptest.StageDot, Times: 1, Fault: smtptest.Fault{Stored: true, Silent: true, End: smtptest.Reset}}
	t.Run("retry", func(t *testing.T) {
		inWorld(t, smtptest.Config{Fault: smtptest.Rules(lost)}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
			start := time.Now()
			r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example"))
			if err != nil || r.Recipients[0].Ambiguous != 1 || r.Recipients[0].Tries != 2 {
				t.Fatalf("%+v, %v", r, err)
			}
			if time.Since(start) < 30*time.Second {
				t.Errorf("tried again after %v", time.Since(start))
			}
			tx := srv.Transactions()
			if len(tx) != 2 || tx[0].SHA256 != tx[1].SHA256 {
				t.Error("the second try sent other bytes")
			}
		})
	})
	t.Run("report", func(t *testing.T) {
		inWorld(t, smtptest.Config{Fault: smtptest.Rules(lost)}, func(t *testing.T, srv *smtptest.Server) {
			s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, OnAmbiguous: ReportAmbiguous})
			r, err := s.SendMail(t.Context(), newMsg(t, "a@x.example"))
			if err == nil || r.Recipients[0].Status != Unknown || r.Recipients[0].Ambiguous != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			if n := srv.Stats().Messages; n != 1 {
				t.Errorf("%d copies", n)
			}
		})
	})
}

// Invariant 7: waiting for limits, ours or the receiver's, costs no attempt.
func TestInvariant7LimitsCostNoAttempt(t *testing.T) {
	limits := smtptest.Limits{
		Connections: smtptest.Cap{Max: 2},
		MessageRate: smtptest.Rate{Count: 20, Burst: 5},
	}
	inWorld(t, smtptest.Config{Limits: limits, Latency: 5 * time.Millisecond}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		if err := s.SendAll(t.Context(), newsletter(200, "x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		tries := 0
		for id, r := range got.by {
			if rcpt := r.Recipients[0]; rcpt.Status != Delivered || rcpt.Attempts != 1 {
				t.Errorf("%v: %+v", id, rcpt)
			}
			tries += r.Recipients[0].Tries
		}
		st := srv.Stats()
		t.Logf("200 messages in %v: %d tries, %d replies named a limit", time.Since(epoch), tries, st.Throttled)
		if st.Messages != 200 || st.Throttled == 0 {
			t.Errorf("%+v", st)
		}
	})
}

// epoch is when every bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func newsletter(n int, domain string) iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for i := range n {
			if !yield(rendered(fmt.Sprintf("%s-%d", domain, i), fmt.Sprintf("u%d@%s", i, domain))) {
				return
			}
		}
	}
}

// Invariant 8: whatever the receiver is doing, a cancelled Send returns within
// 100 ms, and the next message is not affected.
func TestInvariant8CancelEndsTheCall(t *testing.T) {
	for _, stage := range []smtptest.Stage{
		smtptest.StageDial, smtptest.StageConnect, smtptest.StageHelo, smtptest.StageMail, smtptest.StageRcpt,
		smtptest.StageData, smtptest.StageDot,
	} {
		t.Run(string(stage), func(t *testing.T) {
			fault := smtptest.Rules(smtptest.Rule{Stage: stage, Times: 1, Fault: smtptest.Fault{Silent: true, End: smtptest.Stall}})
			inWorld(t, smtptest.Config{Fault: fault}, func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				why := errors.New("changed my mind")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(why) })
				start := time.Now()
				r, err := s.SendMail(ctx, newMsg(t, "a@x.example"))
				within(t, start, 1100*time.Millisecond)
				if !errors.Is(err, why) {
					t.Errorf("error is %v", err)
				}
				want := NotTried
				if stage == smtptest.StageDot {
					want = Unknown
				}
				if r.Recipients[0].Status != want {
					t.Errorf("%+v, want %v", r.Recipients[0], want)
				}
				if stage != smtptest.StageDot {
					if _, err := s.SendMail(t.Context(), newMsg(t, "b@x.example")); err != nil {
						t.Errorf("the next message: %v", err)
					}
				}
			})
		})
	}
}

func TestRelayThatIsDownIsSparedAndMailWaits(t *testing.T) {
	var dials atomic.Int64
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		var logged bytes.Buffer
		up := time.Now().Add(10 * time.Minute)
		relay := relayTo(srv)
		relay.DialContext = unreachable(func() bool {
			if time.Now().After(up) {
				return false
			}
			dials.Add(1)
			return true
		}, srv.DialContext)
		s := newSender(t, Config{Relays: []Relay{relay}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		var got results
		for m := range newsletter(50, "x.example") {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(9 * time.Minute)
		st := s.Stats()
		if len(st.Relays) != 1 || !strings.Contains(st.Relays[0].Fault, "connection refused") {
			t.Errorf("Stats tell %+v", st.Relays)
		}
		if st.Total.Waiting != 50 {
			t.Errorf("%d messages wait", st.Total.Waiting)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got.count(Delivered) != 50 {
			t.Errorf("%d delivered", got.count(Delivered))
		}
		for _, r := range got.by {
			if r.Recipients[0].Attempts != 1 {
				t.Errorf("a relay that was down cost attempts: %+v", r.Recipients[0])
			}
		}
		if n := strings.Count(logged.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings:\n%s", n, logged.String())
		}
		if n := dials.Load(); n > 20 {
			t.Errorf("%d dials in ten minutes", n)
		}
	})
}

func TestSecondRelayServesWhileTheFirstRests(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, first *smtptest.Server) {
		second := smtptest.NewServer(smtptest.Config{InMemory: true, Hostname: "mx2.test"})
		defer second.Close()
		down := true
		a, b := relayTo(first), relayTo(second)
		a.DialContext = unreachable(func() bool { return down }, first.DialContext)
		s := newSender(t, Config{Relays: []Relay{a, b}})
		start := time.Now()
		if _, err := s.SendMail(t.Context(), newMsg(t, "a@x.example")); err != nil {
			t.Fatal(err)
		}
		within(t, start, time.Second)
		if n := second.Stats().Messages; n != 1 {
			t.Errorf("the second relay got %d messages", n)
		}
		down = false
		time.Sleep(10 * time.Minute)
		var got results
		if err := s.SendAll(t.Context(), newsletter(20, "x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if err := s.SendAll(t.Context(), newsletter(20, "y.example"), got.done); err != nil {
			t.Fatal(err)
		}
		if n := first.Stats().Messages; n < 20 {
			t.Errorf("the first relay got %d messages after it came back", n)
		}
	})
}

func TestRefusedLoginRestsTheRelayAndKeepsMail(t *testing.T) {
	inWorld(t, smtptest.Config{StartTLS: true, Users: map[string]string{"user": "right"}, RequireAuth: true}, func(t *testing.T, srv *smtptest.Server) {
		var logged bytes.Buffer
		var asked atomic.Int64
		var secret atomic.Value
		secret.Store("hunter2hunter2")
		relay := Relay{Addr: srv.Addr, DialContext: srv.DialContext, TLSConfig: srv.ClientTLS(),
			Credentials: func(context.Context) (string, string, error) {
				asked.Add(1)
				return "user", secret.Load().(string), nil
			}}
		s := newSender(t, Config{Relays: []Relay{relay}, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		var got results
		if _, err := s.Submit(t.Context(), rendered("m", "a@x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if n := asked.Load(); n != 2 {
			t.Errorf("credentials were asked %d times before the relay rests", n)
		}
		if fault := s.Stats().Relays[0].Fault; !strings.Contains(fault, "535") {
			t.Errorf("Stats tell %q", fault)
		}
		if n := strings.Count(logged.String(), "level=WARN"); n != 1 {
			t.Errorf("%d warnings", n)
		}
		secret.Store("right")
		time.Sleep(10 * time.Minute)
		if got.count(Delivered) != 1 {
			t.Errorf("not delivered after the password was put right: %+v", got.by["m"])
		}
		if strings.Contains(logged.String(), "hunter2") {
			t.Error("the log has the password")
		}
	})
}

func TestExpiry(t *testing.T) {
	never := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "@busy.example", Fault: smtptest.Fault{Reply: "451 4.3.0 try later"}})
	inWorld(t, smtptest.Config{Fault: never}, func(t *testing.T, srv *smtptest.Server) {
		down := relayTo(srv)
		down.Name = "down"
		down.DialContext = unreachable(func() bool { return true }, nil)
		s := newSender(t, Config{
			Relays: []Relay{relayTo(srv)}, Expiry: time.Hour,
			Router: RouteTable{{Pattern: "down.example", Router: PromptRouterFunc(func(RouteRequest) (Route, error) { return Via(down), nil })}},
		})
		for _, tc := range []struct {
			to     string
			expiry time.Duration
			want   Status
			says   string
		}{
			{"a@busy.example", 0, GaveUp, "451"},
			{"a@down.example", 10 * time.Minute, NotTried, "connection refused"},
		} {
			start := time.Now()
			m := rendered("m", tc.to)
			m.Expiry = tc.expiry
			settled := make(chan *Result, 1)
			if _, err := s.Submit(t.Context(), m, func(r *Result) { settled <- r }); err != nil {
				t.Fatal(err)
			}
			r := <-settled
			rcpt := r.Recipients[0]
			if rcpt.Status != tc.want || !errors.Is(r.Err(), ErrExpired) || !strings.Contains(r.Err().Error(), tc.says) {
				t.Errorf("%s: %v, %v", tc.to, rcpt.Status, r.Err())
			}
			limit := tc.expiry
			setDefault(&limit, time.Hour)
			within(t, start, limit)
		}
	})
}

func TestShutdownFinishesTheWireAndKeepsNothing(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: 2 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		ended := make(chan error, 1)
		go func() { ended <- s.SendAll(t.Context(), newsletter(100, "x.example"), got.done) }()
		time.Sleep(5 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		start := time.Now()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		within(t, start, 3*time.Second)
		if err := <-ended; err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("SendAll: %v", err)
		}
		delivered, notTried := got.count(Delivered), got.count(NotTried)
		if delivered != srv.Stats().Messages || delivered == 0 || delivered+notTried != 100 {
			t.Errorf("%d delivered, %d not tried, receiver has %d", delivered, notTried, srv.Stats().Messages)
		}
		if _, err := s.Submit(t.Context(), rendered("late", "a@x.example"), got.done); !errors.Is(err, ErrClosed) {
			t.Errorf("Submit after Shutdown: %v", err)
		}
		if err := errors.Join(s.Shutdown(t.Context()), s.Close()); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestCloseStopsNow(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: time.Hour}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		for m := range newsletter(5, "x.example") {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		within(t, start, 100*time.Millisecond)
		if got.count(Unknown) != 1 || got.count(NotTried) != 4 {
			t.Errorf("%d unknown, %d not tried", got.count(Unknown), got.count(NotTried))
		}
	})
}

func TestConfigReportsAllMistakes(t *testing.T) {
	_, err := New(Config{
		Relays:      []Relay{{Addr: "no-port"}, {Addr: "mx.example:25", HELO: "a b"}, {Addr: "mx.example:25"}},
		Destination: throttle.Limits{Connections: -7},
		Expiry:      -1, MaxInFlight: -1,
	})
	for _, want := range []string{"no-port", "HELO", "taken", "Connections", "Expiry", "MaxInFlight"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a Config without relays is accepted")
	}
}

func TestVerify(t *testing.T) {
	for _, tc := range []struct {
		name     string
		receiver smtptest.Config
		change   func(*Relay)
		stage    classify.Stage
		says     string
	}{
		{"all is well", smtptest.Config{StartTLS: true, Users: map[string]string{"user": "secret"}}, nil, 0, ""},
		{"wrong password", smtptest.Config{StartTLS: true, Users: map[string]string{"user": "other"}}, nil, classify.StageAuth, "535"},
		{"no STARTTLS", smtptest.Config{Users: map[string]string{"user": "secret"}}, nil, classify.StageStartTLS, "STARTTLS"},
		{"unknown certificate", smtptest.Config{StartTLS: true}, func(r *Relay) { r.TLSConfig = nil }, classify.StageStartTLS, "certificate"},
		{"refused", smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageDial, Fault: smtptest.Fault{End: smtptest.Close}})}, nil, classify.StageConnect, "refused"},
		{"421", smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Reply: "421 4.3.2 busy", End: smtptest.Close}})}, nil, classify.StageBanner, "421"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, tc.receiver, func(t *testing.T, srv *smtptest.Server) {
				relay := Relay{Addr: srv.Addr, DialContext: srv.DialContext, TLSConfig: srv.ClientTLS(),
					Credentials: func(context.Context) (string, string, error) { return "user", "secret", nil }}
				if tc.change != nil {
					tc.change(&relay)
				}
				s := newSender(t, Config{Relays: []Relay{relay}})
				err := s.Verify(t.Context())
				if tc.says == "" {
					if err != nil {
						t.Fatal(err)
					}
					if srv.Stats().Connections != 1 || srv.Stats().Mails != 0 {
						t.Errorf("%+v", srv.Stats())
					}
					return
				}
				fault, ok := errors.AsType[*pool.Error](err)
				if !ok || fault.Stage != tc.stage || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret") {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestObserverIsTold(t *testing.T) {
	limits := smtptest.Limits{MessageRate: smtptest.Rate{Count: 5, Burst: 3}}
	inWorld(t, smtptest.Config{Limits: limits}, func(t *testing.T, srv *smtptest.Server) {
		var tries, throttled, replies, opened, closed, changes atomic.Int64
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{{
			Try: func(tr Try) {
				tries.Add(1)
				if tr.Recipients[0].Verdict.Throttled() {
					throttled.Add(1)
				}
				if r := tr.Recipients[0]; r.Reply == nil || (r.Err == nil) != (r.Reply.Code == 250) {
					t.Errorf("Err %v with Reply %v", r.Err, r.Reply)
				}
				if tr.Relay == "" || tr.Connection == 0 || tr.Ordinal == 0 || tr.Destination != "x.example" {
					t.Errorf("%+v", tr)
				}
			},
			Reply:  func(r ReplyRead) { replies.Add(1) },
			Opened: func(Connection) { opened.Add(1) },
			Closed: func(Connection) { closed.Add(1) },
			Limit:  func(throttle.Change) { changes.Add(1) },
		}}})
		var got results
		if err := s.SendAll(t.Context(), newsletter(30, "x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := srv.Stats()
		if int(tries.Load()) != st.Mails || int(throttled.Load()) != st.Throttled || throttled.Load() == 0 {
			t.Errorf("%d tries, %d throttled; receiver: %+v", tries.Load(), throttled.Load(), st)
		}
		if int(opened.Load()) != st.Connections || opened.Load() != closed.Load() || replies.Load() < 4*30 || changes.Load() == 0 {
			t.Errorf("opened %d, closed %d, replies %d, changes %d", opened.Load(), closed.Load(), replies.Load(), changes.Load())
		}
	})
}

// notifier is what code that uses go-mail's Client often hides it behind.
type notifier interface {
	DialAndSend(...*mail.Msg) error
	DialAndSendWithContext(context.Context, ...*mail.Msg) error
}

func TestDialAndSend(t *testing.T) {
	refuse := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "no@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no"}},
		smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "wait@x.example", Fault: smtptest.Fault{Reply: "451 4.3.0 wait"}},
	)
	inWorld(t, smtptest.Config{Fault: refuse}, func(t *testing.T, srv *smtptest.Server) {
		var n notifier = newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		if err := n.DialAndSend(newMsg(t, "a@x.example"), newMsg(t, "b@x.example")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ok := newMsg(t, "c@x.example")
		err := n.DialAndSendWithContext(t.Context(), newMsg(t, "no@x.example"), ok, newMsg(t, "wait@x.example"), nil)
		for _, want := range []string{"no@x.example", "wait@x.example", "Msg is nil"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v does not mention %s", err, want)
			}
		}
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "c@x.example") {
			t.Errorf("got %v", err)
		}
		within(t, start, DefaultDialAndSendTimeout)
		if srv.Stats().Messages != 3 {
			t.Errorf("%d messages arrived", srv.Stats().Messages)
		}
	})
}
