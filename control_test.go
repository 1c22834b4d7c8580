package smtpace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

func TestPauseAndResume(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Profiles: known(t)})
		s.Pause("Mail.Big.Example.")
		var got results
		for _, m := range []Message{rendered("held", "a@big.example"), rendered("free", "b@other.example")} {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Hour)
		if got.of("free") == nil || got.of("held") != nil {
			t.Fatalf("settled after an hour: %v and %v", got.of("free"), got.of("held"))
		}
		if e := s.Explain("big"); e.Queued != 1 || e.Bind.Limit != "pause" {
			t.Errorf("explained as %+v", e)
		}
		s.Resume("own.example") // of the same profile
		time.Sleep(time.Second)
		if r := got.of("held"); r == nil || !r.Delivered() {
			t.Errorf("after Resume: %+v", r)
		}
	})
}

// What was put off for minutes is tried again after a second, at once for its
// destination and not for others.
func TestRetryNow(t *testing.T) {
	grey := smtptest.Domain{Greylist: smtptest.Greylist{Delay: 5 * time.Second, Reply: "451 4.7.1 Greylisting in action"}}
	receiver := smtptest.Config{Domains: map[string]smtptest.Domain{"mended.example": grey, "other.example": grey}}
	inWorld(t, receiver, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var got results
		for i := range 20 {
			to := fmt.Sprintf("reader%d@%s.example", i, []string{"mended", "other"}[i%2])
			if _, err := s.Submit(t.Context(), rendered(to, to), got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		if n := got.count(Delivered); n > 0 {
			t.Errorf("got %d delivered before RetryNow", n)
		}
		s.RetryNow("Mended.Example.")
		time.Sleep(5 * time.Second)
		if n := got.count(Delivered); n != 10 {
			t.Errorf("got %d delivered 5 s after RetryNow, want the 10 of the destination", n)
		}
		time.Sleep(time.Hour)
		if n := got.count(Delivered); n != 20 {
			t.Errorf("got %d delivered after an hour, want all", n)
		}
	})
}

func TestExplainSaysWhatWasLearned(t *testing.T) {
	limits := smtptest.Limits{MessageRate: smtptest.Rate{Count: 5, Per: time.Second}}
	inWorld(t, smtptest.Config{Limits: limits}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		go func() { _ = s.SendAll(t.Context(), newsletter(2000, "x.example"), nil) }()
		time.Sleep(2 * time.Minute)
		e := s.Explain("x.example")
		if e.Queued == 0 || e.Rate <= 0 || e.Rate > 6 || e.Bind.Limit != "message-rate" || !e.Bind.Learned || e.ETA == nil {
			text, _ := json.Marshal(e)
			t.Errorf("explained as %s", text)
		}
		s.Forget("x.example")
	})
}

// TestWhatWasLearnedSurvives has a second Sender begin at the pace that the
// first has found, and not find it again at the receiver's cost.
func TestWhatWasLearnedSurvives(t *testing.T) {
	limits := smtptest.Limits{MessageRate: smtptest.Rate{Count: 5, Per: time.Second}}
	file := filepath.Join(t.TempDir(), "learned.json")
	inWorld(t, smtptest.Config{Limits: limits}, func(t *testing.T, srv *smtptest.Server) {
		refused := func() (n int) {
			for code, times := range srv.Stats().Replies {
				if code >= 400 {
					n += times
				}
			}
			return n
		}
		send := func() int {
			before := refused()
			s, err := New(Config{Relays: []Relay{relayTo(srv)}, Memory: File(file)})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SendAll(t.Context(), newsletter(300, "x.example"), nil); err != nil {
				t.Error(err)
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			return refused() - before
		}
		first := send()
		time.Sleep(time.Minute)
		if second := send(); first < 2 || second > first/2 {
			t.Errorf("%d refused at first, then %d", first, second)
		}
	})
}

// A snapshot that cannot be used is a warning and a new start, but for warm-ups.
// What was learned is the same when the clock was set while no Sender was running. Of
// a rate that is set, no more goes than its burst.
func TestWhatWasLearnedSurvivesAClockThatIsSet(t *testing.T) {
	limits := smtptest.Limits{MessageRate: smtptest.Rate{Count: 5, Per: time.Second, Burst: 5}}
	for _, set := range []time.Duration{-2 * time.Hour, 2 * time.Hour} {
		inWorld(t, smtptest.Config{Limits: limits}, func(t *testing.T, srv *smtptest.Server) {
			relay := relayTo(srv)
			relay.Limits.MessageRate = throttle.Rate{Count: 10, Per: time.Second, Burst: 3}
			send := func(n int, snapshot []byte) []byte {
				s, err := New(Config{Relays: []Relay{relay}})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if snapshot != nil {
					if err := s.Restore(snapshot); err != nil {
						t.Error(err)
					}
				}
				if err := s.SendAll(t.Context(), newsletter(n, "x.example"), nil); err != nil {
					t.Error(err)
				}
				snapshot, err = s.Snapshot()
				if err != nil {
					t.Error(err)
				}
				return snapshot
			}
			snapshot := send(300, nil)
			var edited map[string]any
			if err := json.Unmarshal(snapshot, &edited); err != nil {
				t.Fatal(err)
			}
			edited["taken"] = time.Now().Add(-set) // the clock was set by so much since
			snapshot, err := json.Marshal(edited)
			if err != nil {
				t.Fatal(err)
			}
			before, start := srv.Stats(), time.Now()
			send(100, snapshot)
			after, took := srv.Stats(), time.Since(start)
			if refused := after.Throttled - before.Throttled; refused > 2 {
				t.Errorf("set by %v: %d were refused", set, refused)
			}
			if took < 18*time.Second || took > 26*time.Second {
				t.Errorf("set by %v: 100 messages at 5/s took %v", set, took)
			}
		})
	}
}

func TestMemoryThatCannotBeUsedBeginsAnew(t *testing.T) {
	snapshot := func(version int, taken time.Time) string {
		return fmt.Sprintf(`{"version":%d,"taken":%q,"process":{}}`, version, taken.Format(time.RFC3339))
	}
	var damaged []string
	for i := range len(snapshot(2, time.Now())) - 1 {
		damaged = append(damaged, snapshot(2, time.Now())[:i+1])
	}
	damaged = append(damaged, "null", "[]", "\x00\x00\x00", snapshot(1, time.Now()), snapshot(99, time.Now()), snapshot(2, time.Now().Add(48*time.Hour)))
	for _, text := range damaged {
		file := filepath.Join(t.TempDir(), "learned.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		cfg := Config{Relays: []Relay{{Addr: "mx.example:25"}}, Memory: File(file), Logger: slog.New(slog.NewTextHandler(&log, nil))}
		s, err := New(cfg)
		if err != nil || !strings.Contains(log.String(), "learned again") {
			t.Errorf("%q: %v, log %q", text, err, &log)
			continue
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := New(cfg); err != nil || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%q: after a save: %v, log %q", text, err, &log)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.WarmUps = map[string]throttle.WarmUp{"x.example": {Start: time.Now(), Table: []int{10, 20}, Hours: 1}}
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "WarmUps") {
			t.Errorf("%q, with warm-ups: %v", text, err)
		}
	}
}

// A Memory that cannot be read or written at all is an error of New.
func TestMemoryWithoutItsDirectoryIsAMistake(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, m := range []File{"", os.DevNull, File(dir), File(filepath.Join(dir, "none", "learned.json")), File(filepath.Join(file, "learned.json"))} {
		if _, err := New(Config{Relays: []Relay{{Addr: "mx.example:25"}}, Memory: m}); err == nil || !strings.Contains(err.Error(), "Memory") {
			t.Errorf("New with %q: %v", m, err)
		}
	}
}

func TestFileIsReplacedAsAWhole(t *testing.T) {
	f := File(filepath.Join(t.TempDir(), "learned.json"))
	if got, err := f.Load(); got != nil || err != nil {
		t.Errorf("before any Save: %q, %v", got, err)
	}
	for _, text := range []string{"a long first text", "short"} {
		if err := f.Save([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); string(got) != text || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if all, _ := os.ReadDir(filepath.Dir(string(f))); len(all) != 1 {
		t.Errorf("%d files are left", len(all))
	}
	if File(filepath.Join(string(f), "none")).Save(nil) == nil {
		t.Error("a Save into nowhere succeeds")
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "learned.json", "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if File(filepath.Join(dir, "learned.json")).Save(nil) == nil {
		t.Error("a Save onto a directory succeeds")
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("%d files are left where a Save has failed, want the directory alone", len(all))
	}
}

func TestWarmUp(t *testing.T) {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	plan := throttle.WarmUp{Start: start, Table: []int{10, 20}, Hours: 1}
	for _, refuse := range []bool{false, true} {
		inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
			plan.Refuse = refuse
			cfg := Config{
				Relays: []Relay{relayTo(srv)}, Expiry: 80 * time.Hour, WarmUps: map[string]throttle.WarmUp{"new.example": plan},
				Memory: File(filepath.Join(t.TempDir(), "learned.json")),
			}
			var got results
			s := newSender(t, cfg)
			ended := make(chan error, 1)
			go func() {
				ended <- s.SendAll(t.Context(), slices.Values(newsletterTo(40, "a@new.example", "b@old.example")), got.done)
			}()
			time.Sleep(time.Hour)
			if n := warm(srv); n != 10 {
				t.Errorf("refuse %v: %d messages on the first day, want 10", refuse, n)
			}
			if refuse {
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if n := got.count(NotTried); n != 30 || got.count(Delivered) != 50 {
					t.Errorf("%d not tried, %d delivered; want 30, 50", n, got.count(Delivered))
				}
				for _, r := range got.by {
					if why := r.Recipients[0].Err; r.Recipients[0].Status == NotTried && !errors.Is(why, ErrWarmUp) {
						t.Errorf("not tried for %v", why)
					}
				}
				return
			}
			time.Sleep(24 * time.Hour)
			if n := warm(srv); n != 30 {
				t.Errorf("%d messages by the second day, want 30", n)
			}
			if err := <-ended; err != nil || got.count(Delivered) != 80 {
				t.Errorf("%d delivered, %v", got.count(Delivered), err)
			}
		})
	}
	if _, err := New(Config{Relays: []Relay{{Addr: "mx.example:25"}}, WarmUps: map[string]throttle.WarmUp{"a.example": plan}}); err == nil {
		t.Error("a warm-up without a Memory is accepted")
	}
}

// warm counts the messages to new.example.
func warm(srv *smtptest.Server) (n int) {
	for _, tx := range srv.Transactions() {
		if tx.Accepted && slices.Contains(tx.To(), "a@new.example") {
			n++
		}
	}
	return n
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

// TestVerifyAsksForCredentialsOnceMore: as for mail, a secret that is out of date may be renewed.
// Nothing else is tried twice.
func TestVerifyAsksForCredentialsOnceMore(t *testing.T) {
	for _, tt := range []struct {
		right int // number of the call that gives the right secret
		calls int
		works bool
	}{{1, 1, true}, {2, 2, true}, {99, 2, false}} {
		inWorld(t, smtptest.Config{Users: map[string]string{"u": "p"}}, func(t *testing.T, srv *smtptest.Server) {
			relay, calls := relayTo(srv), 0
			withLogin(&relay, "")
			relay.Credentials = func(context.Context) (string, string, error) {
				if calls++; calls >= tt.right {
					return "u", "p", nil
				}
				return "u", "out of date", nil
			}
			s := newSender(t, Config{Relays: []Relay{relay}})
			if err := s.Verify(t.Context()); (err == nil) != tt.works || calls != tt.calls {
				t.Errorf("right at call %d: got %v after %d calls, want %d", tt.right, err, calls, tt.calls)
			}
		})
	}
	inWorld(t, smtptest.Config{Users: map[string]string{"u": "p"}, RequireAuth: true}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		if err := s.Verify(t.Context(), "news@sender.example"); err == nil || srv.Stats().Connections != 1 {
			t.Errorf("a login that MAIL demands: got %v after %d connections, want 1", err, srv.Stats().Connections)
		}
	})
}

// TestVerifySenders goes as far as MAIL for the senders that it is given, at every
// relay. A refusal there does not make the relay rest.
func TestVerifySenders(t *testing.T) {
	inWorld(t, smtptest.Config{Fault: smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageMail, Message: 2, Conn: 1, Fault: smtptest.Fault{Reply: "553 5.7.1 not your address"}},
	)}, func(t *testing.T, srv *smtptest.Server) {
		second := smtptest.NewServer(smtptest.Config{InMemory: true})
		defer second.Close()
		s := newSender(t, Config{Relays: []Relay{
			{Name: "first", Addr: srv.Addr, DialContext: srv.DialContext, TLS: pool.TLSNone},
			{Name: "second", Addr: second.Addr, DialContext: second.DialContext, TLS: pool.TLSNone},
		}})
		if err := s.Verify(t.Context(), "no address"); !errors.Is(err, ErrInvalid) || srv.Stats().Connections != 0 {
			t.Errorf("got %v", err)
		}
		err := s.Verify(t.Context(), "news@bücher.example", "other@sender.test", "")
		fault, ok := errors.AsType[*pool.Error](err)
		if !ok || fault.Endpoint != "first" || fault.Stage != classify.StageMail || !strings.Contains(err.Error(), "553") {
			t.Errorf("got %v", err)
		}
		if srv.Stats().Mails != 3 || second.Stats().Mails != 3 {
			t.Errorf("got %d and %d MAIL, want 3 of each", srv.Stats().Mails, second.Stats().Mails)
		}
		if r := s.Stats().Relays[0]; r.Fault != "" || r.RestingUntil != nil {
			t.Errorf("the relay rests: %v", r.Fault)
		}
		if err := s.Verify(t.Context(), "news@bücher.example"); err != nil {
			t.Error(err)
		}
	})
}
