package smtpace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// newPacer makes a Pacer that is closed at the end of the test, and logs nothing
// without a Logger.
func newPacer(t testing.TB, cfg PacerConfig) *Pacer {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p, err := NewPacer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// reply returns a refusal as net/smtp returns it.
func reply(code int, text string) error { return &textproto.Error{Code: code, Msg: text} }

// paceTest runs a test in a bubble.
func paceTest(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestDoCallsOnce(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		calls := 0
		if err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { calls++; return nil }); err != nil || calls != 1 {
			t.Errorf("got %d calls and %v, want 1 and no error", calls, err)
		}
		if got := p.Stats().Total; got.Delivered != 1 || got.Tries != 1 {
			t.Errorf("got %+v, want one delivered", got)
		}
	})
}

func TestDoTriesAgain(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		calls, start := 0, time.Now()
		err := p.Do(t.Context(), "ann@example.com", func(context.Context) error {
			if calls++; calls < 3 {
				return reply(450, "4.2.0 Greylisted, try again in 30 seconds")
			}
			return nil
		})
		if err != nil || calls != 3 {
			t.Errorf("got %d calls and %v, want 3 and no error", calls, err)
		}
		if took := time.Since(start); took < time.Minute || took > 2*time.Minute {
			t.Errorf("took %v, want twice the 30 s", took)
		}
	})
}

// A call that waits for its next try has it a second after RetryNow.
func TestPacerRetryNow(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		calls, start := 0, time.Now()
		time.AfterFunc(10*time.Second, func() { p.RetryNow("Example.com.") })
		err := p.Do(t.Context(), "ann@example.com", func(context.Context) error {
			if calls++; calls == 1 {
				return reply(450, "4.2.0 Greylisted, try again in 30 minutes")
			}
			return nil
		})
		if took := time.Since(start); err != nil || calls != 2 || took < 11*time.Second || took > 12*time.Second {
			t.Errorf("got %d calls, %v after %v, want 2 and no error after 11 s", calls, err, took)
		}
	})
}

func TestDoReturnsRefusal(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { return reply(550, "5.1.1 no such user") })
		failed, ok := errors.AsType[*SendError](err)
		if !ok || failed.Result.Recipients[0].Status != Refused || failed.Result.Recipients[0].Tries != 1 {
			t.Fatalf("got %v, want one refusal", err)
		}
		if r := failed.Result.Recipients[0].Reply; r == nil || r.Code != 550 {
			t.Errorf("got the reply %v, want the 550", r)
		}
	})
}

func TestDoEndsWithContext(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{MaxWait: time.Millisecond})
		p.Pause("example.com")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		start := time.Now()
		err := p.Do(ctx, "ann@example.com", func(context.Context) error { t.Error("called"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v, want the context's error after 5 s", err, time.Since(start))
		}
	})
}

func TestDoExpires(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Expiry: time.Hour})
		start := time.Now()
		err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { return reply(450, "4.2.0 later") })
		if !errors.Is(err, ErrExpired) || time.Since(start) > time.Hour {
			t.Errorf("got %v after %v, want ErrExpired within the hour", err, time.Since(start))
		}
	})
}

// What may have been sent is tried three times, and once where fn says that it was not.
func TestDoAmbiguous(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		for name, test := range map[string]struct {
			err   error
			calls int
		}{
			"unknown":  {errors.New("something"), 3},
			"lost":     {fmt.Errorf("read: %w", context.DeadlineExceeded), 3},
			"not sent": {NotSent(errors.New("no connection left in the pool")), 5},
		} {
			calls := 0
			err := p.Do(t.Context(), "ann@"+"example.com", func(context.Context) error {
				if calls++; calls == 5 {
					return nil
				}
				return test.err
			})
			if calls != test.calls {
				t.Errorf("%s: got %d calls, want %d", name, calls, test.calls)
			}
			if failed, ok := errors.AsType[*SendError](err); test.calls == 3 && (!ok || failed.Result.Recipients[0].Status != Unknown) {
				t.Errorf("%s: got %v, want unknown", name, err)
			}
		}
	})
}

// Limits are kept whatever the concurrency.
func TestPacerKeepsLimits(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 3, MessageRate: throttle.Rate{Count: 10, Per: time.Second}}})
		var mu sync.Mutex
		var at []time.Time
		now, most := 0, 0
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				err := p.Do(t.Context(), "ann@example.com", func(context.Context) error {
					mu.Lock()
					at = append(at, time.Now())
					now++
					most = max(most, now)
					mu.Unlock()
					time.Sleep(250 * time.Millisecond)
					mu.Lock()
					now--
					mu.Unlock()
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most != 3 {
			t.Errorf("got %d at once, want 3", most)
		}
		for i := 10; i < len(at); i++ {
			if at[i].Sub(at[i-10]) < time.Second {
				t.Errorf("calls %d to %d began within %v", i-10, i, at[i].Sub(at[i-10]))
			}
		}
		t.Log(at[len(at)-1].Sub(at[0]))
	})
}

func TestDoRequestSplits(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		var calls [][]string
		err := p.DoRequest(t.Context(), PaceRequest{To: []string{"a@one.example", "b@two.example", "c@one.example"}, Relay: "relay:25"},
			func(_ context.Context, to []string) error {
				calls = append(calls, to)
				if len(to) == 2 {
					return RecipientErrors{"c@one.example": reply(452, "4.2.2 mailbox full")}
				}
				return nil
			})
		if err != nil {
			t.Error(err)
		}
		if got := fmt.Sprint(calls); got != "[[a@one.example c@one.example] [b@two.example] [c@one.example]]" {
			t.Errorf("got %s", got)
		}
	})
}

// Workers that are turned away come back spread.
func TestTrySpreads(t *testing.T) {
	jobs := 10_000
	if brief() {
		jobs = 2000
	}
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 50, Per: time.Second}, Connections: 50}})
		var mu sync.Mutex
		tries, calls := 0, 0
		var wg sync.WaitGroup
		for i := range jobs {
			wg.Go(func() {
				for {
					mu.Lock()
					tries++
					mu.Unlock()
					err := p.Try(t.Context(), fmt.Sprintf("u%d@example.com", i), func(context.Context) error {
						mu.Lock()
						calls++
						mu.Unlock()
						time.Sleep(50 * time.Millisecond)
						return nil
					})
					if err == nil {
						return
					}
					again, ok := errors.AsType[*TryError](err)
					if !ok || again.RetryAt.IsZero() {
						t.Error(err)
						return
					}
					time.Sleep(time.Until(again.RetryAt))
				}
			})
		}
		start := time.Now()
		wg.Wait()
		t.Logf("%d jobs: %d tries, %d calls, %v", jobs, tries, calls, time.Since(start))
		if took, least := time.Since(start), time.Duration(jobs)*time.Second/50; took > least+least/10 {
			t.Errorf("took %v, want little more than %v", took, least)
		}
		if comebacks := tries - jobs; comebacks > jobs+jobs/10 || calls != jobs {
			t.Errorf("got %d tries after the first and %d calls of %d jobs, want 1.1 a job at most", comebacks, calls, jobs)
		}
	})
}

func TestPanicLeaksNothing(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 1}})
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = p.Do(t.Context(), "ann@example.com", func(context.Context) error { panic("oops") })
		}()
		if err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		if got := p.Stats(); got.InFlight != 0 || got.Total.Waiting != 0 {
			t.Errorf("got %+v, want nothing in flight", got)
		}
	})
}

func TestPacerHTTPStatus(t *testing.T) {
	v, ok := httpVerdict(fmt.Errorf("api: %w", &apiError{StatusCode: 429, Header: map[string][]string{"Retry-After": {"7"}}}))
	if !ok || v.Limit != classify.LimitMessageRate || v.RetryAfter != 7*time.Second {
		t.Errorf("got %+v", v)
	}
}

type apiError struct {
	StatusCode int
	Header     map[string][]string
}

func (e *apiError) Error() string { return "api" }

// Workers that a limit of their tenant or sender turns away come back spread at its
// pace, and do not put off those of others.
func TestTrySpreadsByTenant(t *testing.T) {
	const jobs = 500
	for _, scope := range []throttle.Scope{
		{Kind: throttle.ScopeTenant, Name: "x"}, {Kind: throttle.ScopeSender, Name: "ann@sender.example"}, {Kind: throttle.ScopeSenderDomain, Name: "sender.example"},
	} {
		for _, destinations := range []int{1, 50} {
			paceTest(t, func(t *testing.T) {
				p := newPacer(t, PacerConfig{})
				if err := p.SetLimits(scope, throttle.Limits{MessageRate: throttle.Rate{Count: 50, Per: time.Second}}); err != nil {
					t.Fatal(err)
				}
				var tries atomic.Int64
				var wg sync.WaitGroup
				send := func(r PaceRequest) {
					for {
						tries.Add(1)
						err := p.TryRequest(t.Context(), r, func(context.Context, []string) error { time.Sleep(20 * time.Millisecond); return nil })
						if err == nil {
							return
						}
						again, ok := errors.AsType[*TryError](err)
						if !ok || again.RetryAt.IsZero() {
							t.Error(err)
							return
						}
						time.Sleep(time.Until(again.RetryAt))
					}
				}
				start := time.Now()
				for i := range jobs {
					wg.Go(func() {
						send(PaceRequest{To: []string{fmt.Sprintf("u@d%d.example", i%destinations)}, Tenant: "x", From: "ann@sender.example"})
					})
				}
				time.Sleep(3 * time.Second)
				send(PaceRequest{To: []string{"u@d0.example"}, Tenant: "y", From: "bob@other.example"})
				if took := time.Since(start) - 3*time.Second; took > time.Second {
					t.Errorf("%v, %d destinations: mail of another took %v", scope, destinations, took)
				}
				wg.Wait()
				if got, took := tries.Load()-jobs-1, time.Since(start); got > jobs+jobs/10 || took > 12*time.Second {
					t.Errorf("%v, %d destinations: %d tries after the first of %d jobs in %v, want 1.1 a job at most in 12 s", scope, destinations, got, jobs, took)
				}
			})
		}
	}
}

// tenantAt50 returns a Pacer whose tenant x has 50 messages a second, and the scopes of its mail.
func tenantAt50(t *testing.T) (*Pacer, *throttle.ScopeList) {
	t.Helper()
	p := newPacer(t, PacerConfig{})
	tenant := throttle.Scope{Kind: throttle.ScopeTenant, Name: "x"}
	if err := p.SetLimits(tenant, throttle.Limits{MessageRate: throttle.Rate{Count: 50, Per: time.Second}}); err != nil {
		t.Fatal(err)
	}
	scopes, err := throttle.NewScopeList(tenant)
	if err != nil {
		t.Fatal(err)
	}
	return p, scopes
}

// Whom a limit of their tenant turns away together while nothing is parked for it, because
// its next message may go now, come back one after the other all the same.
func TestTurnedAwayTogether(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p, scopes := tenantAt50(t)
		p.book.tries("d", scopes, 400)
		now := time.Now()
		for i := range 3 {
			if at, want := p.appoint(now, now, "d", scopes), now.Add(time.Duration(i)*20*time.Millisecond); !at.Equal(want) {
				t.Errorf("caller %d comes back after %v, want %v", i, at.Sub(now), want.Sub(now))
			}
		}
	})
}

// Calls of a tenant that try now leave its queue when they have waited for as long as they
// may, at whatever destination: a further one need not come back behind all of them.
func TestCallsOfATenantLeaveItsQueue(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p, scopes := tenantAt50(t)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				r := PaceRequest{To: []string{"u@e.example"}, Tenant: "x"}
				if err := p.DoRequest(t.Context(), r, func(context.Context, []string) error { return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Millisecond)
		now := time.Now()
		if got := p.appoint(now, now, "d.example", scopes).Sub(now); got < 3*time.Second {
			t.Errorf("behind 200 that stay: told to come in %v, want 4 s or so", got)
		}
		stay := p.appoint(now, now, "d.example", scopes)
		for _, tt := range []struct {
			trying int
			sooner time.Duration // a turn is 20 ms, and a call may wait for a second
		}{{1, 0}, {51, 0}, {52, 20 * time.Millisecond}, {101, time.Second}, {200, 2980 * time.Millisecond}, {1000, 0}} {
			p.book.forget("tenant x")
			p.book.tries("e.example", scopes, tt.trying)
			got := p.appoint(now, now, "d.example", scopes)
			if tt.trying == 1000 { // all leave within the time that they may wait
				if wait := got.Sub(now); wait < p.cfg.MaxWait || wait > p.cfg.MaxWait+20*time.Millisecond {
					t.Errorf("behind %d that leave: told to come in %v", tt.trying, wait)
				}
			} else if sooner := stay.Add(-20 * time.Millisecond).Sub(got); sooner != tt.sooner {
				t.Errorf("behind %d that leave: told to come %v sooner, want %v", tt.trying, sooner, tt.sooner)
			}
			p.book.tries("e.example", scopes, -tt.trying)
		}
		wg.Wait()
	})
}

// Callers of Try at a destination of which nothing is known come back one after the other.
func TestTimesOfAnUnknownDestination(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		now := time.Now()
		for i := range 10 {
			if got, want := p.appoint(now, now, "d.example", nil).Sub(now), time.Duration(i)*assumedGap; got != want {
				t.Errorf("caller %d: told to come in %v, want %v", i, got, want)
			}
		}
	})
}

// Where nothing limits a destination, what its callers were told is the pace of their tenant,
// also behind others whom the destination keeps waiting: elsewhere they come one after the
// other too.
func TestTimesOfATenantAreItsOwn(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p, scopes := tenantAt50(t)
		now := time.Now()
		for range 100 {
			p.appoint(now, now, "d.example", nil)
		}
		for range 3 {
			p.appoint(now, now, "d.example", scopes)
		}
		if got := p.appoint(now, now, "e.example", scopes).Sub(now); got != 60*time.Millisecond {
			t.Errorf("behind three at another destination: told to come in %v, want 60 ms", got)
		}
	})
}

// The book of the times that were handed out costs no more where much is in it.
func TestBookIsTidiedSeldom(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		var b book
		now, tidied := time.Now(), 0
		for i := range 8 * maxBooked {
			if b.next != nil {
				b.next["past"] = now.Add(-time.Hour)
			}
			b.tidy(now)
			if _, kept := b.next["past"]; i > 0 && !kept {
				tidied++
			}
			b.next[fmt.Sprint(i)] = now.Add(time.Hour)
		}
		if tidied < 1 || tidied > 4 {
			t.Errorf("it was looked through %d times for %d entries, want 1 to 4", tidied, 8*maxBooked)
		}
		time.Sleep(2 * time.Hour)
		for i := range 8 * maxBooked {
			b.tidy(time.Now())
			b.next[fmt.Sprint("late", i)] = time.Now()
		}
		if most := 9 * maxBooked; len(b.next) > most {
			t.Errorf("%d entries are kept, want those of the present, %d at most", len(b.next), most)
		}
	})
}

// TestTryWhilePaused has a worker come back to a destination that is paused, for as long
// as its call says.
func TestTryWhilePaused(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{MaxWait: time.Millisecond})
		p.Pause("example.com")
		start, tries := time.Now(), 0
		for time.Since(start) < time.Hour {
			err := p.Try(t.Context(), "ann@example.com", func(context.Context) error { return errors.New("it is paused") })
			again, ok := errors.AsType[*TryError](err)
			if !ok || again.Called {
				t.Fatal(err)
			}
			tries++
			time.Sleep(time.Until(again.RetryAt))
		}
		if tries > 61 {
			t.Errorf("%d tries in an hour, want one a minute", tries)
		}
		p.Resume("example.com")
		if err := p.Try(t.Context(), "ann@example.com", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		p.Pause("example.com")
		if next, err := p.NextTurn("example.com"); err != nil || time.Until(next) < 10*time.Second {
			t.Errorf("the next turn is in %v: %v", time.Until(next), err)
		}
	})
}

// stuckMemory does not return from Save until it is closed.
type stuckMemory chan struct{}

func (stuckMemory) Load() ([]byte, error) { return nil, nil }

func (m stuckMemory) Save([]byte) error {
	<-m
	return nil
}

// TestPacerEndsWhileMemoryHangs with an error that names what hangs, and waits for a
// Memory that is slow as long as its context lets it.
func TestPacerEndsWhileMemoryHangs(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		stuck := make(stuckMemory)
		defer close(stuck)
		p := newPacer(t, PacerConfig{Memory: stuck})
		if err := p.Close(); !errors.Is(err, ErrHanging) || !strings.Contains(err.Error(), "Memory.Save") {
			t.Errorf("Close: %v", err)
		}
	})
	paceTest(t, func(t *testing.T) {
		slow := make(stuckMemory)
		time.AfterFunc(5*time.Second, func() { close(slow) })
		p := newPacer(t, PacerConfig{Memory: slow})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
}

// The recipients of a call that are turned away at one destination come back together, at one
// turn.
func TestRecipientsTurnedAwayTakeOneTurn(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}})
		mustGo(t, p)
		for i := range 2 {
			err := p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com", "bob@example.com", "cat@example.com"}}, func(context.Context, []string) error { return nil })
			again, ok := errors.AsType[*TryError](err)
			if want := time.Duration(i+1) * time.Minute; !ok || time.Until(again.RetryAt).Round(time.Second) != want {
				t.Errorf("call %d: got %v, want it again in %v", i, err, want)
			}
		}
	})
}

// A request of Do expires at its Expires, else after PacerConfig.Expiry. One of Try without
// Expires never does: its caller knows when to give up.
func TestRequestsExpire(t *testing.T) {
	slow, err := retry.New(retry.Config{Schedules: map[classify.Class]retry.Schedule{classify.ClassMailboxFull: {First: 48 * time.Hour, Max: 48 * time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	busy := func(context.Context, []string) error { return reply(452, "4.2.2 Mailbox full") }
	for _, tt := range []struct{ given, configured, want time.Duration }{
		{0, 0, 24 * time.Hour}, {0, time.Hour, time.Hour}, {time.Hour, 0, time.Hour}, {30 * time.Hour, time.Hour, 30 * time.Hour},
	} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{Expiry: tt.configured})
			p.Pause("example.com")
			r, start := PaceRequest{To: []string{"ann@example.com"}}, time.Now()
			if tt.given != 0 {
				r.Expires = start.Add(tt.given)
			}
			if err := p.DoRequest(t.Context(), r, busy); !errors.Is(err, ErrExpired) || time.Since(start) != tt.want {
				t.Errorf("%+v: got %v after %v", tt, err, time.Since(start))
			}
		})
	}
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Retry: slow})
		err := p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}}, busy)
		if again, ok := errors.AsType[*TryError](err); !ok || errors.Is(err, ErrExpired) || time.Until(again.RetryAt) < 47*time.Hour {
			t.Errorf("Try: got %v, want it again in two days", err)
		}
		err = p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, Expires: time.Now().Add(time.Hour)}, busy)
		if again, ok := errors.AsType[*TryError](err); !ok || time.Until(again.RetryAt) > time.Hour {
			t.Errorf("Try that expires: got %v", err)
		}
	})
}

// TestForgetDropsTimesToComeBack that callers of Try were told at a learned pace.
func TestForgetDropsTimesToComeBack(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{MaxWait: time.Millisecond})
		p.Pause("example.com")
		_ = p.Try(t.Context(), "ann@example.com", func(context.Context) error { return nil })
		p.Resume("example.com")
		if next, err := p.NextTurn("example.com"); err != nil || time.Until(next) < 30*time.Second {
			t.Errorf("the next turn is in %v: %v, want a minute", time.Until(next), err)
		}
		p.Forget("example.com")
		if next, err := p.NextTurn("example.com"); err != nil || time.Until(next) > 0 {
			t.Errorf("the next turn is in %v: %v, want now", time.Until(next), err)
		}
	})
}

// Forget drops the times to come back that were handed out for a relay.
func TestForgetDropsTimesToComeBackToARelay(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{MaxWait: time.Millisecond, Relays: map[string]throttle.Limits{"relay": {MessageRate: throttle.Rate{Count: 1, Per: 10 * time.Second}}}})
		wait := func() (left time.Duration) {
			err := p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, Relay: "relay"}, func(context.Context, []string) error { return nil })
			if again, ok := errors.AsType[*TryError](err); ok {
				left = time.Until(again.RetryAt)
			}
			return left
		}
		for range 6 {
			wait()
		}
		if left := wait(); left < 45*time.Second {
			t.Errorf("the sixth comes back in %v, want it behind the others", left)
		}
		p.Forget("relay")
		if left := wait(); left > 15*time.Second {
			t.Errorf("after Forget the next comes back in %v, want 10 s", left)
		}
	})
}
