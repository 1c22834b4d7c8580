package smtpace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// NewPacer names every mistake of its settings, all at once.
func TestPacerConfigMistakes(t *testing.T) {
	wrong := throttle.Limits{MessagesPerConnection: 1}
	_, err := NewPacer(PacerConfig{
		Process: wrong, Relay: wrong, Destination: wrong,
		Relays:       map[string]throttle.Limits{"relay": wrong},
		Destinations: map[string]throttle.Limits{"example.com": wrong, "no domain": {}},
		WarmUps:      map[string]throttle.WarmUp{"example.com": {Table: []int{50}}},
		Expiry:       -1, MaxWait: -1, AmbiguousTries: -1, LogAddresses: 99,
		Rules: []classify.Rule{{}},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"PacerConfig.Process: ", "PacerConfig.Relay: ", "PacerConfig.Destination: ", `PacerConfig.Relays["relay"]: `,
		`PacerConfig.Destinations["example.com"]: `, `"no domain"`, "PacerConfig.WarmUps: ", "PacerConfig.Expiry: ",
		"PacerConfig.MaxWait: ", "PacerConfig.AmbiguousTries: ", "PacerConfig.LogAddresses: ", `rule ""`, "warm-up of destination",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s in it", err, want)
		}
	}
	for name, cfg := range map[string]PacerConfig{
		"limits": {Destination: throttle.Limits{Connections: -2}}, "a negative time": {MaxWait: -1}, "a memory": {WarmUps: map[string]throttle.WarmUp{"example.com": {Table: []int{50}}}},
	} {
		if p, err := NewPacer(cfg); err == nil || p != nil {
			t.Errorf("%s: got %v and %v, want an error alone", name, p, err)
		}
	}
}

// What is asked of a Pacer wrongly is ErrInvalid, says why, and calls nothing.
func TestPacerRequestMistakes(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		to := []string{"ann@example.com"}
		for name, test := range map[string]struct {
			request PaceRequest
			says    string
		}{
			"nobody":               {PaceRequest{}, "at least one recipient"},
			"no domain":            {PaceRequest{To: []string{"ann@"}}, "ann@"},
			"blank":                {PaceRequest{To: []string{"not a domain"}}, "neither an address nor a domain"},
			"one of two":           {PaceRequest{To: []string{"ann@example.com", "b c"}}, "b c"},
			"sender":               {PaceRequest{To: to, From: "ann"}, "ann"},
			"a relay's line end":   {PaceRequest{To: to, Relay: "relay\n"}, "printable"},
			"a relay without end":  {PaceRequest{To: to, Relay: strings.Repeat("r", 1+maxRelayName)}, "printable"},
			"bytes":                {PaceRequest{To: to, Bytes: -1}, "negative"},
			"wait":                 {PaceRequest{To: to, MaxWait: -1}, "negative"},
			"attempt":              {PaceRequest{To: to, Attempt: -1}, "negative"},
			"ambiguous":            {PaceRequest{To: to, Ambiguous: -1}, "negative"},
			"tenant without bound": {PaceRequest{To: to, Tenant: strings.Repeat("t", 2000)}, "too long"},
		} {
			called := func(context.Context, []string) error { t.Errorf("%s: called", name); return nil }
			for _, err := range []error{p.DoRequest(t.Context(), test.request, called), p.TryRequest(t.Context(), test.request, called)} {
				if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: got %v, want ErrInvalid that says %q", name, err, test.says)
				}
			}
		}
		if err := p.DoRequest(t.Context(), PaceRequest{To: to, Relay: strings.Repeat("r", maxRelayName)}, func(context.Context, []string) error { return nil }); err != nil {
			t.Errorf("the longest relay: %v", err)
		}
	})
}

// SetLimits takes limits of destinations and relays as of other scopes, and refuses what
// means nothing.
func TestPacerSetLimits(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		one := throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}
		for name, test := range map[string]struct {
			of     throttle.Scope
			limits throttle.Limits
		}{
			"connections of its own":   {throttle.Scope{Kind: throttle.ScopeDestination, Name: "example.com"}, throttle.Limits{MessagesPerConnection: 1}},
			"a negative number":        {throttle.Scope{Kind: throttle.ScopeDestination, Name: "example.com"}, throttle.Limits{Connections: -2}},
			"of a relay":               {throttle.Scope{Kind: throttle.ScopeEndpoint, Name: "relay"}, throttle.Limits{Connections: -2}},
			"of a scope that is none":  {throttle.Scope{Kind: 99, Name: "x"}, one},
			"of a sender that is none": {throttle.Scope{Kind: throttle.ScopeSender, Name: "no address"}, one},
		} {
			if err := p.SetLimits(test.of, test.limits); err == nil {
				t.Errorf("%s: got no error", name)
			}
		}
		for _, of := range []throttle.Scope{
			{Kind: throttle.ScopeDestination, Name: "Example.COM."}, {Kind: throttle.ScopeEndpoint, Name: "relay"}, {Kind: throttle.ScopeTenant, Name: "x"},
		} {
			if err := p.SetLimits(of, one); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range []PaceRequest{
			{To: []string{"ann@example.com"}}, {To: []string{"ann@example.org"}, Relay: "relay"}, {To: []string{"ann@example.net"}, Tenant: "x"},
		} {
			for i := range 2 {
				err := p.TryRequest(t.Context(), r, func(context.Context, []string) error { return nil })
				if again, ok := errors.AsType[*TryError](err); i == 0 && err != nil || i == 1 && (!ok || again.Called || !errors.Is(err, ErrNotNow)) {
					t.Errorf("%+v, try %d: got %v, want the second alone turned away", r, i, err)
				} else if ok && (again.RetryAt.Before(time.Now().Add(59*time.Second)) || again.RetryAt.After(time.Now().Add(61*time.Second))) {
					t.Errorf("%+v: got %v, want it in a minute", r, again.RetryAt)
				}
			}
		}
	})
}

// Limits that are taken back let those go at once that wait for them, of whichever scope they
// are.
func TestPacerSetLimitsWakesWhoWaits(t *testing.T) {
	for _, of := range []throttle.Scope{
		{Kind: throttle.ScopeDestination, Name: "example.com"}, {Kind: throttle.ScopeEndpoint, Name: "relay"}, {Kind: throttle.ScopeTenant, Name: "x"},
	} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{})
			if err := p.SetLimits(of, throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: 10 * time.Hour}}); err != nil {
				t.Fatal(err)
			}
			send := func() error {
				return p.DoRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, Relay: "relay", Tenant: "x"}, func(context.Context, []string) error { return nil })
			}
			if err := send(); err != nil {
				t.Fatal(err)
			}
			start, ended := time.Now(), make(chan error)
			go func() { ended <- send() }()
			time.Sleep(time.Second)
			if err := p.SetLimits(of, throttle.Limits{}); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != nil || time.Since(start) > 2*time.Second {
				t.Errorf("%v: got %v after %v, want it sent at once", of, err, time.Since(start))
			}
		})
	}
}

// Stats tells what has become of calls, by relay and by destination in their order, and
// what waits.
func TestPacerStatsTells(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		for _, r := range []PaceRequest{
			{To: []string{"ann@example.org"}, Relay: "b", Connect: true}, {To: []string{"ann@example.com"}, Relay: "a"}, {To: []string{"bob@example.org"}, Relay: "b", Connect: true},
		} {
			if err := p.DoRequest(t.Context(), r, func(context.Context, []string) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		p.Pause("example.net")
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- p.Do(ctx, "cat@example.net", func(context.Context) error { return nil }) }()
		time.Sleep(time.Second)
		s := p.Stats()
		var relays, destinations []string
		for _, r := range s.Relays {
			relays = append(relays, fmt.Sprintf("%s %d", r.Name, r.Delivered))
		}
		for _, d := range s.Destinations {
			destinations = append(destinations, fmt.Sprintf("%s %d", d.Name, d.Delivered))
		}
		if got := fmt.Sprint(relays[:2]); got != "[a 1 b 2]" {
			t.Errorf("relays: got %v", relays)
		}
		if !slices.IsSorted(destinations) || !slices.Contains(destinations, "example.org 2") || !slices.Contains(destinations, "example.com 1") {
			t.Errorf("destinations: got %v", destinations)
		}
		if s.Queued != 1 || s.Total.Waiting != 1 || s.InFlight != 0 || s.Total.Delivered != 3 {
			t.Errorf("got %+v, want three delivered and one that waits", s)
		}
		p.Resume("example.net")
		if err := <-ended; err != nil {
			t.Error(err)
		}
		cancel()
	})
}

// NextTurn tells when a call would have its turn, whatever names the destination, and
// does not take it.
func TestPacerNextTurn(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}})
		for range 2 {
			if at, err := p.NextTurn("ann@example.com"); err != nil || !at.Equal(time.Now()) {
				t.Fatalf("got %v, %v, want the present", at, err)
			}
		}
		if err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{"bob@example.com", "Example.com."} {
			if at, err := p.NextTurn(to); err != nil || time.Until(at) < 59*time.Second || time.Until(at) > 61*time.Second {
				t.Errorf("%s: got %v, %v, want it in a minute", to, at, err)
			}
		}
		if at, err := p.NextTurn("no domain"); !errors.Is(err, ErrInvalid) || !at.IsZero() {
			t.Errorf("got %v and %v, want ErrInvalid", at, err)
		}
	})
}

// A service that customers log in to has the ceilings of its profile as a relay, below
// what is set for all relays.
func TestPacerRelayHasTheCeilingsOfItsService(t *testing.T) {
	set := profile.Default()
	name := "smtp.gmail.com:587"
	p := (receivers{set, nil}).service(name)
	if p == nil {
		t.Skip("no profile of " + name)
	}
	cfg := PacerConfig{Profiles: set, Relay: throttle.Limits{Connections: 1}}
	got := cfg.relayLimits(name)
	if got.Connections != 1 || got.MessagesPerConnection != 0 || got.Quota != p.Limits().Quota {
		t.Errorf("got %v, want 1 connection and otherwise %v", got, p.Limits())
	}
}

// A TryError tells who is left, when to come back for them, and what has happened.
func TestPacerTryError(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		err := p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com", "bob@example.com"}}, func(_ context.Context, to []string) error {
			return RecipientErrors{"bob@example.com": reply(450, "4.2.0 Greylisted, try again in 300 seconds")}
		})
		e, ok := errors.AsType[*TryError](err)
		if !ok || !e.Called || !slices.Equal(e.Left, []string{"bob@example.com"}) || e.Attempt != 1 || e.Ambiguous != 0 || e.Verdict.Class != classify.ClassGreylisted {
			t.Fatalf("got %+v, want one left", e)
		}
		if wait := time.Until(e.RetryAt); wait < 5*time.Minute || wait > 10*time.Minute {
			t.Errorf("got %v, want it in 5 minutes or little more", wait)
		}
		if text := e.Error(); !strings.Contains(text, "to be tried again from "+e.RetryAt.Format(time.RFC3339)) || !strings.Contains(text, "bob@example.com") {
			t.Errorf("got the text %q", text)
		}
		if len(e.Unwrap()) != 1 || e.Result.Recipients[0].Status != Delivered || e.Result.Recipients[1].Status != GaveUp {
			t.Errorf("got %v and %+v", e.Unwrap(), e.Result.Recipients)
		}
		err = p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, Expires: time.Now()}, func(context.Context, []string) error { t.Error("called"); return nil })
		if e, ok := errors.AsType[*TryError](err); !ok || e.Called || !e.RetryAt.IsZero() || !errors.Is(err, ErrExpired) || strings.Contains(e.Error(), "tried again from") {
			t.Errorf("got %v, want ErrExpired", err)
		}
		p.Pause("example.com")
		start := time.Now()
		err = p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, MaxWait: 3 * time.Second}, func(context.Context, []string) error { t.Error("called"); return nil })
		if !errors.Is(err, ErrNotNow) || time.Since(start) > 3*time.Second {
			t.Errorf("got %v after %v, want ErrNotNow within 3 s", err, time.Since(start))
		}
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := p.Try(t.Context(), "ann@example.com", func(context.Context) error { return nil }); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

// Shutdown waits for functions that run, as long as its context lets it, and whoever
// waits is told at once.
func TestPacerShutdownWaits(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 1}})
		ended := make(chan error, 2)
		go func() {
			ended <- p.Do(t.Context(), "ann@example.com", func(context.Context) error { time.Sleep(time.Minute); return nil })
		}()
		time.Sleep(time.Second)
		waiting := make(chan error, 1)
		go func() {
			waiting <- p.Do(t.Context(), "bob@example.com", func(context.Context) error { t.Error("called"); return nil })
		}()
		time.Sleep(time.Second)
		start := time.Now()
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("enough"))
		defer cancel()
		if err := p.Shutdown(ctx); err == nil || err.Error() != "enough" || time.Since(start) != 10*time.Second {
			t.Errorf("got %v after %v, want the cause after 10 s", err, time.Since(start))
		}
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("whoever waits got %v, want ErrClosed", err)
		}
		if err := p.Shutdown(t.Context()); err != nil || time.Since(start) != 58*time.Second {
			t.Errorf("got %v after %v, want none after 58 s", err, time.Since(start))
		}
		if err := <-ended; err != nil {
			t.Errorf("the function that ran: %v", err)
		}
	})
}

// A Pacer tries again by the schedules that it is given, and by its own without them.
func TestPacerRetriesByItsSchedules(t *testing.T) {
	own, err := retry.New(retry.Config{Schedules: map[classify.Class]retry.Schedule{classify.ClassMailboxFull: {First: 3 * time.Hour, Max: 3 * time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		policy *retry.Policy
		long   bool
	}{"given": {own, true}, "its own": {nil, false}} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{Retry: c.policy})
			start, calls := time.Now(), 0
			err := p.Do(t.Context(), "ann@example.com", func(context.Context) error {
				if calls++; calls == 1 {
					return reply(452, "4.2.2 Mailbox full")
				}
				return nil
			})
			if took := time.Since(start); err != nil || calls != 2 || (took > 2*time.Hour) != c.long {
				t.Errorf("%s: %v after %d calls in %v", name, err, calls, took)
			}
		})
	}
}

// Each event of a call reaches an observer or a log that wants it, whatever else is
// observed, also where calls follow each other quickly.
func TestPacerTellsWhoeverListens(t *testing.T) {
	for name, listen := range map[string]func(cfg *PacerConfig, told func()){
		"Accepted": func(cfg *PacerConfig, told func()) {
			cfg.Observers = []Observer{{Accepted: func(context.Context, Acceptance) { told() }}}
		},
		"Try":     func(cfg *PacerConfig, told func()) { cfg.Observers = []Observer{{Try: func(Try) { told() }}} },
		"Settled": func(cfg *PacerConfig, told func()) { cfg.Observers = []Observer{{Settled: func(*Result) { told() }}} },
		"log": func(cfg *PacerConfig, told func()) {
			cfg.Logger = slog.New(telling{slog.NewTextHandler(discard{}, nil), told})
		},
	} {
		paceTest(t, func(t *testing.T) {
			n := 0
			var cfg PacerConfig
			listen(&cfg, func() { n++ })
			p := newPacer(t, cfg)
			for range 10 {
				if err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { return nil }); err != nil {
					t.Fatal(err)
				}
			}
			if n != 10 {
				t.Errorf("%s: told %d times of 10 calls", name, n)
			}
		})
	}
}

// telling is a slog.Handler that tells of each record of a settled message.
type telling struct {
	slog.Handler
	told func()
}

func (h telling) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelInfo {
		h.told()
	}
	return nil
}

// The names of destinations and relays may be spelt as people do, and a Pacer goes on as
// it was made when the maps that it was given are changed.
func TestPacerTakesOverItsSettings(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		hourly := throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Hour}}
		cfg := PacerConfig{
			Memory:       new(keepsText),
			Destinations: map[string]throttle.Limits{"SLOW.Example.": hourly}, Relays: map[string]throttle.Limits{"relay": hourly},
			WarmUps: map[string]throttle.WarmUp{"Warm.EXAMPLE": {Table: []int{1}, Start: time.Now()}},
		}
		p := newPacer(t, cfg)
		clear(cfg.Destinations)
		clear(cfg.Relays)
		clear(cfg.WarmUps)
		cfg.Relays["named too late"] = hourly
		for range 2 {
			if err := p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@free.example"}, Relay: "named too late"}, func(context.Context, []string) error { return nil }); err != nil {
				t.Errorf("a relay that was named after NewPacer: got %v", err)
			}
		}
		for _, r := range []PaceRequest{{To: []string{"ann@slow.example"}}, {To: []string{"ann@free.example"}, Relay: "relay"}, {To: []string{"ann@warm.example"}}} {
			for i := range 2 {
				if err := p.TryRequest(t.Context(), r, func(context.Context, []string) error { return nil }); (err == nil) != (i == 0) {
					t.Errorf("%v by %q, message %d: got %v, want the first alone sent", r.To, r.Relay, i, err)
				}
			}
		}
	})
}
