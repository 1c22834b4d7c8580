package smtpace

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// A tab is neither given nor kept while a call waits, behind the end of the Pacer, and where
// observers want to see each call; one of an epoch that has ended is not kept.
func TestTabsOfAState(t *testing.T) {
	for name, tt := range map[string]struct {
		change      func(*tabs)
		given, kept bool
	}{
		"open":             {func(*tabs) {}, true, true},
		"observed":         {func(t *tabs) { t.off = true }, false, true},
		"a call waits":     {func(t *tabs) { t.wait(1) }, false, false},
		"none waits again": {func(t *tabs) { t.wait(1); t.wait(-1) }, true, true},
		"closed":           {func(t *tabs) { t.end(true) }, false, false},
		"another epoch":    {func(t *tabs) { t.end(false) }, true, false},
	} {
		var all tabs
		of, epoch := all.of("a.example", "a.example")
		made := &tab{of: of, epoch: epoch}
		tt.change(&all)
		if again, _ := all.of("a.example", "a.example"); (again != nil) != tt.given {
			t.Errorf("%s: given %v, want %v", name, again != nil, tt.given)
		}
		if kept := all.put(made); kept != tt.kept {
			t.Errorf("%s: kept %v, want %v", name, kept, tt.kept)
		}
	}
}

// No more domains have tabs than are allowed; those that have some keep them.
func TestTabsAreBounded(t *testing.T) {
	var all tabs
	for i := range maxTabs {
		name := fmt.Sprint("d", i, ".example")
		if of, _ := all.of(name, name); of == nil {
			t.Fatalf("domain %d was given none", i)
		}
	}
	if of, _ := all.of("one-more.example", "one-more.example"); of != nil {
		t.Error("one more was given some")
	}
	if of, _ := all.of("d0.example", "d0.example"); of == nil {
		t.Error("the first was given none any more")
	}
}

// tabbed returns a Pacer with a free tab for example.com.
func tabbed(t *testing.T) (*Pacer, *tab) {
	t.Helper()
	p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 1}})
	mustCall(t, p, func() {})
	return p, freeTab(t, p)
}

// freeTab returns the free tab for example.com; nil when there is none.
func freeTab(t *testing.T, p *Pacer) *tab {
	t.Helper()
	of := p.tabs.by["example.com"]
	if of == nil || len(of.free) == 0 {
		return nil
	}
	return of.free[0]
}

// mustCall makes a call that is accepted.
func mustCall(t *testing.T, p *Pacer, during func()) {
	t.Helper()
	if err := p.Do(t.Context(), "ann@example.com", func(context.Context) error { during(); return nil }); err != nil {
		t.Fatal(err)
	}
}

// A tab serves calls until its time is over.
func TestTabsLast(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p, first := tabbed(t)
		time.Sleep(tabLife)
		mustCall(t, p, func() {})
		if at := freeTab(t, p); first == nil || at != first || at.calls != 1 {
			t.Errorf("at the end of its time: got %+v, want the first after one call", at)
		}
		time.Sleep(time.Nanosecond)
		mustCall(t, p, func() {})
		if at := freeTab(t, p); at == nil || at == first || at.calls != 0 {
			t.Errorf("behind its time: got %+v, want another", at)
		}
		if got := p.Stats(); got.Total.Delivered != 3 || got.InFlight != 0 {
			t.Errorf("got %d delivered and %d in flight, want 3 and none", got.Total.Delivered, got.InFlight)
		}
	})
}

// What cannot go under a tab ends it, and nothing is called: an address that is none, and
// a context that has ended.
func TestCallsThatCannotGoUnderATab(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	for name, test := range map[string]struct {
		ctx  context.Context
		to   string
		want error
	}{
		"an address that is none": {context.Background(), "a b@example.com", ErrInvalid},
		"an ended context":        {ended, "ann@example.com", context.Canceled},
	} {
		paceTest(t, func(t *testing.T) {
			p, first := tabbed(t)
			err := p.Do(test.ctx, test.to, func(context.Context) error { t.Errorf("%s: called", name); return nil })
			if !errors.Is(err, test.want) || first == nil || freeTab(t, p) != nil {
				t.Errorf("%s: got %v and the tab %v, want %v and none", name, err, freeTab(t, p), test.want)
			}
			mustGo(t, p)
		})
	}
}

// A tab whose grant may not go on, because limits have just changed, gives its place to
// the call, and holds up neither that nor the end of the Pacer.
func TestATabThatMayNotGoOn(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p, first := tabbed(t)
		of := throttle.Scope{Kind: throttle.ScopeDestination, Name: "example.com"}
		if err := p.sched.SetLimits(time.Now(), of, throttle.Limits{Connections: 1, MessagesPerConnection: 9}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Do(ctx, "ann@example.com", func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
		if at := freeTab(t, p); first == nil || at == first {
			t.Errorf("got the tab %+v, want another than the first", at)
		}
		if err := p.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

// A change of limits during a call ends the tab under which it goes.
func TestATabThatEndsDuringItsCall(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p, _ := tabbed(t)
		mustCall(t, p, func() { p.Forget("other.example"); p.endTabs() })
		if at := freeTab(t, p); at != nil {
			t.Errorf("got the tab %+v, want none", at)
		}
		mustGo(t, p)
	})
}

// Tabs are laid again once nobody waits, however the waiting has ended.
func TestTabsAreLaidAgainBehindCallsThatWaited(t *testing.T) {
	for name, wait := range map[string]func(t *testing.T, p *Pacer) error{
		"given a turn": func(t *testing.T, p *Pacer) error {
			return p.Do(t.Context(), "bob@example.com", func(context.Context) error { return nil })
		},
		"context ended": func(t *testing.T, p *Pacer) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := p.Do(ctx, "bob@example.com", func(context.Context) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("got %w, want the end of the context", err)
			}
			return nil
		},
		"turned away": func(t *testing.T, p *Pacer) error {
			if err := p.Try(t.Context(), "bob@example.com", func(context.Context) error { return nil }); !errors.Is(err, ErrNotNow) {
				return fmt.Errorf("got %w, want ErrNotNow", err)
			}
			return nil
		},
	} {
		paceTest(t, func(t *testing.T) {
			p, _ := tabbed(t)
			mustCall(t, p, func() {
				waited := make(chan error)
				go func() { waited <- wait(t, p) }()
				time.Sleep(10 * time.Second)
				go func() {
					if err := <-waited; err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}()
			})
			time.Sleep(time.Second)
			mustCall(t, p, func() {})
			if p.tabs.waiting != 0 || freeTab(t, p) == nil {
				t.Errorf("%s: %d calls wait, and the tab is %v", name, p.tabs.waiting, freeTab(t, p))
			}
		})
	}
}

// A function that panics under a tab takes neither its place nor the end of the Pacer.
func TestAPanicUnderATab(t *testing.T) {
	for _, fails := range []bool{false, true} { // whether the judge panics, for an error under the tab
		paceTest(t, func(t *testing.T) {
			p, _ := tabbed(t)
			if fails {
				p.observer.Try = func(Try) { panic("boom") }
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic is gone")
					}
				}()
				_ = p.Do(t.Context(), "ann@example.com", func(context.Context) error {
					if !fails {
						panic("boom")
					}
					return reply(550, "5.1.1 no such user")
				})
			}()
			p.observer.Try = nil
			mustGo(t, p)
			start := time.Now()
			if err := p.Shutdown(t.Context()); err != nil || time.Since(start) > time.Second {
				t.Errorf("Shutdown: %v after %v", err, time.Since(start))
			}
		})
	}
}

// endsWhileAsked is a context that does something when it is first asked for its error,
// and has ended then.
type endsWhileAsked struct {
	context.Context
	act func()
}

func (c *endsWhileAsked) Err() error {
	if c.act != nil {
		act := c.act
		c.act = nil
		act()
	}
	return context.Canceled
}

// The place of a tab that a call cannot use goes to who has begun to wait for it, at once.
func TestThePlaceOfATabThatCannotBeUsed(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Process: throttle.Limits{Connections: 1}})
		mustCall(t, p, func() {})
		if freeTab(t, p) == nil {
			t.Fatal("there is no tab")
		}
		start, went := time.Now(), make(chan time.Duration, 1)
		ctx := &endsWhileAsked{t.Context(), func() {
			if freeTab(t, p) != nil {
				t.Error("the tab is not taken")
			}
			go func() {
				err := p.Do(t.Context(), "bob@other.example", func(context.Context) error { return nil })
				if went <- time.Since(start); err != nil {
					t.Error(err)
				}
			}()
			time.Sleep(time.Second)
		}}
		if err := p.Do(ctx, "ann@example.com", func(context.Context) error { t.Error("called"); return nil }); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if after := <-went; after != time.Second {
			t.Errorf("the other went after %v, want 1s", after)
		}
	})
}
