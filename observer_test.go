package smtpace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
)

// events keeps what observers are told, in order.
type events struct {
	mu  sync.Mutex
	all []string
}

func (e *events) add(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, fmt.Sprintf(format, args...))
}

func (e *events) observer(name string) Observer {
	return Observer{
		Accepted: func(_ context.Context, a Acceptance) {
			e.add("%s accepted %v %d bulk=%v", name, a.ID, a.Recipients, a.Bulk)
		},
		Try:     func(t Try) { e.add("%s try %v", name, t.ID) },
		Settled: func(r *Result) { e.add("%s settled %v %v", name, r.ID, r.Recipients[0].Status) },
	}
}

func TestObserversCompose(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		var e events
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{e.observer("1"), {}, e.observer("2")}})
		messages := []Message{rendered("m", "a@x.example"), rendered("bad", "a@@")}
		if err := s.SendAll(t.Context(), slices.Values(messages), func(r *Result) { e.add("done %v", r.ID) }); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"1 accepted m 1 bulk=true", "2 accepted m 1 bulk=true", "1 try m", "2 try m",
			"1 settled m delivered", "2 settled m delivered", "done m", "done bad",
		}
		got := slices.Clone(e.all)
		slices.SortStableFunc(got, func(a, b string) int { // a mistake is settled whenever it is met
			return boolInt(a == "done bad") - boolInt(b == "done bad")
		})
		if !slices.Equal(got, want) {
			t.Errorf("got\n%q, want\n%q", got, want)
		}
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Every accepted message is settled once, whatever ends it.
func TestObserversSeeEveryEnd(t *testing.T) {
	inWorld(t, smtptest.Config{ServiceTime: 10 * time.Second}, func(t *testing.T, srv *smtptest.Server) {
		var mu sync.Mutex
		accepted, settled := map[any]int{}, map[any]int{}
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{{
			Accepted: func(_ context.Context, a Acceptance) {
				mu.Lock()
				defer mu.Unlock()
				accepted[a.ID]++
			},
			Settled: func(r *Result) {
				mu.Lock()
				defer mu.Unlock()
				if settled[r.ID]++; accepted[r.ID] != 1 {
					t.Errorf("%v is settled before it is accepted", r.ID)
				}
			},
		}}})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(25*time.Second, func() { cancel(errors.New("enough")) })
		_ = s.SendAll(ctx, newsletter(50, "x.example"), nil)
		var got results
		for m := range newsletter(50, "y.example") {
			m.Expiry = 15 * time.Second
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(20 * time.Second)
		for m := range newsletter(50, "z.example") {
			if _, err := s.Submit(t.Context(), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if len(accepted) != 150 || len(settled) != 150 {
			t.Errorf("%d accepted, %d settled", len(accepted), len(settled))
		}
		for id, n := range settled {
			if n != 1 {
				t.Errorf("%v is settled %d times", id, n)
			}
		}
	})
}

// A recipient that was delivered has a reply and no error.
func TestTryHasNoErrorOnSuccess(t *testing.T) {
	refuse := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "no@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no"}})
	inWorld(t, smtptest.Config{Fault: refuse}, func(t *testing.T, srv *smtptest.Server) {
		var tries []Try
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Observers: []Observer{{Try: func(tr Try) { tries = append(tries, tr) }}}})
		if err := s.DialAndSend(newMsg(t, "yes@x.example", "no@x.example")); err == nil {
			t.Fatal("no error")
		}
		yes, no := tries[0].Recipients[0], tries[0].Recipients[1]
		if yes.Err != nil || yes.Reply == nil || yes.Reply.Code != 250 || yes.Verdict.Recipient != classify.RecipientDelivered {
			t.Errorf("delivered: %+v", yes)
		}
		if reply, ok := errors.AsType[*classify.Reply](no.Err); !ok || reply != no.Reply || no.Reply.Code != 550 {
			t.Errorf("refused: %+v", no)
		}
	})
}

func TestComposeOfNothingIsNothing(t *testing.T) {
	o := compose([]Observer{{}, {}})
	if o.Accepted != nil || o.Try != nil || o.Settled != nil || o.Reply != nil || o.Opened != nil || o.Closed != nil || o.Limit != nil {
		t.Errorf("%+v", o)
	}
	calls := 0
	count := func(throttle.Change) { calls++ }
	if o = compose([]Observer{{Limit: count}, {}, {Limit: count}}); o.Limit == nil || o.Try != nil {
		t.Fatalf("%+v", o)
	}
	if o.Limit(throttle.Change{}); calls != 2 {
		t.Errorf("%d calls", calls)
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

type callerKey struct{}

// The events tell how long each step took, and lead from a try to its message and to
// the caller.
func TestEventsHaveTheirTimesAndTheirMessage(t *testing.T) {
	faults := smtptest.Rules(
		smtptest.Rule{Stage: smtptest.StageRcpt, Times: 1, Fault: smtptest.Fault{Reply: "451 4.3.2 later"}},
		smtptest.Rule{Stage: smtptest.StageConnect, Fault: smtptest.Fault{Delay: 3 * time.Second}},
	)
	inWorld(t, smtptest.Config{ServiceTime: 2 * time.Second, Fault: faults}, func(t *testing.T, srv *smtptest.Server) {
		began := time.Now()
		var mu sync.Mutex
		callers, tries, conns := map[uint64]any{}, map[uint64][]Try{}, []Connection{}
		keep := func(c Connection) { mu.Lock(); defer mu.Unlock(); conns = append(conns, c) }
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, Process: throttle.Limits{Connections: 1}, Observers: []Observer{{
			Accepted: func(ctx context.Context, a Acceptance) {
				mu.Lock()
				defer mu.Unlock()
				callers[a.Number] = fmt.Sprint(ctx.Value(callerKey{}), " ", a.ID, " ", a.Tenant)
			},
			Try: func(tr Try) {
				mu.Lock()
				defer mu.Unlock()
				tries[tr.Number] = append(tries[tr.Number], tr)
			},
			Opened: keep, Closed: keep,
		}}})
		var got results
		for _, name := range []string{"a", "b", "c"} {
			m := rendered(name, name+"@x.example")
			m.Tenant = "t-" + name
			if _, err := s.Submit(context.WithValue(t.Context(), callerKey{}, "caller of "+name), m, got.done); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b", "c"} {
			r := got.of(name)
			all := tries[r.Number]
			if want := fmt.Sprintf("caller of %s %s t-%s", name, name, name); callers[r.Number] != want || len(all) != r.Recipients[0].Tries {
				t.Fatalf("message %d: the caller is %q, want %q; %d tries of %+v", r.Number, callers[r.Number], want, len(all), r)
			}
			for i, tr := range all {
				if tr.ID != name || tr.Tenant != "t-"+name || tr.Again != (i > 0) || !tr.Accepted.Equal(r.Accepted) {
					t.Errorf("try %d of %s: %+v", i+1, name, tr)
				}
				took := tr.Time.Sub(tr.Began) // a refusal takes no time, the reply to the dot two seconds
				if stored := tr.Recipients[0].Err == nil; stored && took != 2*time.Second || !stored && took != 0 {
					t.Errorf("try %d of %s took %v, stored: %v", i+1, name, took, stored)
				}
			}
		}
		opened, closed := conns[0], conns[1]
		if len(got.by) != 3 || len(tries) != 3 || !opened.Began.Equal(began) || opened.Opened.Sub(began) != 3*time.Second || !opened.Opened.Equal(opened.Time) {
			t.Errorf("%d results, %d messages tried, opened %+v", len(got.by), len(tries), opened)
		}
		if closed.ID != opened.ID || !closed.Began.Equal(opened.Began) || !closed.Opened.Equal(opened.Opened) || !closed.Time.After(opened.Time) {
			t.Errorf("closed %+v", closed)
		}
	})
}
