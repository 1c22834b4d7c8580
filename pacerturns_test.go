package smtpace

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// The recipients of a call count from its beginning, not from its end.
func TestRecipientsCountFromTheCall(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{RecipientRate: throttle.Rate{Count: 1, Per: 20 * time.Second}}})
		start := time.Now()
		var begun []time.Duration
		for range 3 {
			err := p.Do(t.Context(), "ann@example.com", func(context.Context) error {
				begun = append(begun, time.Since(start).Round(time.Second))
				time.Sleep(10 * time.Second)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if want := []time.Duration{0, 20 * time.Second, 40 * time.Second}; !slices.Equal(begun, want) {
			t.Errorf("calls began at %v, want %v", begun, want)
		}
	})
}

// A mailbox that gets mail too fast holds up its own mail and no other.
func TestAMailboxHoldsUpItsCallsAlone(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		first := true
		go p.Do(t.Context(), "ann@example.com", func(context.Context) error {
			if first {
				first = false
				return reply(450, "4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.")
			}
			return nil
		})
		synctest.Wait()
		start := time.Now()
		for _, to := range []string{"bob@example.com", "ann@example.com"} {
			var waited time.Duration
			if err := p.Do(t.Context(), to, func(context.Context) error { waited = time.Since(start); return nil }); err != nil {
				t.Error(err)
			}
			if held := waited > 0; held != (to == "ann@example.com") {
				t.Errorf("a call to %s waited %v", to, waited)
			}
		}
		time.Sleep(24 * time.Hour)
	})
}

// Calls that are tried again come in the order in which they became due.
func TestRetriesKeepTheirOrder(t *testing.T) {
	policy, err := retry.New(retry.Config{Schedules: map[classify.Class]retry.Schedule{classify.ClassMailboxFull: {First: 3 * time.Hour, Max: 3 * time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Retry: policy, Destination: throttle.Limits{Connections: 1}})
		var again []int
		var wg sync.WaitGroup
		for i := range 3 {
			calls := 0
			wg.Go(func() {
				_ = p.Do(t.Context(), fmt.Sprintf("u%d@example.com", i), func(context.Context) error {
					if calls++; calls == 1 {
						return reply(452, "4.2.2 Mailbox full")
					}
					again = append(again, i)
					return nil
				})
			})
			time.Sleep(50 * time.Minute)
		}
		p.Pause("example.com") // all become due meanwhile
		time.AfterFunc(10*time.Hour, func() { p.Resume("example.com") })
		wg.Wait()
		if !slices.Equal(again, []int{0, 1, 2}) {
			t.Errorf("tried again in the order %v", again)
		}
	})
}
