package smtpace

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// TestCountersAreBounded: the destination that was used least recently is in the total
// alone.
func TestCountersAreBounded(t *testing.T) {
	c := newCounters()
	to := func(i int) *Result {
		return &Result{Recipients: []Recipient{{Destination: fmt.Sprint(i), Status: Delivered}}}
	}
	for i := range maxCounted {
		c.settled(to(i))
	}
	c.settled(to(0))
	c.settled(to(maxCounted)) // takes the place of 1
	all := c.all()
	if len(all) != maxCounted || all["0"].Delivered != 2 || c.all()["2"].Delivered != 1 || c.recent.Len() != maxCounted {
		t.Errorf("%d destinations are counted, the first %+v", len(all), all["0"])
	}
	if _, ok := all["1"]; ok || c.all()["1"].Delivered != 0 || c.total().Delivered != maxCounted+2 {
		t.Errorf("the total is %+v", c.total())
	}
}

// TestCountsOfTries counts what the answers to transactions say.
func TestCountsOfTries(t *testing.T) {
	c := newCounters()
	answer := func(r classify.Recipient, class classify.Class, limit classify.Limit) pool.Answer {
		return pool.Answer{Verdict: classify.Verdict{Recipient: r, Class: class, Limit: limit}}
	}
	tooMany := answer(classify.RecipientLater, classify.ClassRateLimited, classify.LimitMessageRate)
	later := answer(classify.RecipientLater, classify.ClassGreylisted, classify.LimitNone)
	for _, answers := range [][]pool.Answer{
		{answer(classify.RecipientDelivered, classify.ClassOK, 0), answer(classify.RecipientRefused, classify.ClassBadMailbox, 0)},
		{later, later}, {tooMany, tooMany}, {answer(classify.RecipientAmbiguous, classify.ClassNetwork, 0)},
	} {
		c.tried("d.example", pool.Report{Recipients: answers})
	}
	deferred := map[classify.Class]int64{classify.ClassGreylisted: 2, classify.ClassRateLimited: 2}
	for name, got := range map[string]Counts{"total": c.total(), "destination": c.all()["d.example"]} {
		if got.Tries != 4 || got.Throttled != 1 || got.Ambiguous != 1 || !maps.Equal(got.Deferred, deferred) || got.Delivered+got.Refused != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	c.total().Deferred[classify.ClassGreylisted] = 7
	if got := c.total(); !maps.Equal(got.Deferred, deferred) {
		t.Errorf("a copy shares the map: %v", got.Deferred)
	}
}

// TestCountsOfOutcomes counts every recipient at its own destination.
func TestCountsOfOutcomes(t *testing.T) {
	c := newCounters()
	c.settled(&Result{Recipients: []Recipient{
		{Destination: "a", Status: NotTried}, {Destination: "a", Status: Delivered}, {Destination: "b", Status: Refused},
		{Destination: "a", Status: GaveUp}, {Destination: "b", Status: Unknown}, {Destination: "b", Status: Delivered},
	}})
	for name, want := range map[string]Counts{
		"a": {NotTried: 1, Delivered: 1, GaveUp: 1}, "b": {Refused: 1, Unknown: 1, Delivered: 1},
	} {
		if got := c.all()[name]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if got, want := c.total(), (Counts{NotTried: 1, Delivered: 2, Refused: 1, GaveUp: 1, Unknown: 1}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("total: got %+v, want %+v", got, want)
	}
}

// TestSendErrorNamesTen recipients, and says how many more there are.
func TestSendErrorNamesTen(t *testing.T) {
	for n, end := range map[int]string{1: "message expired", 10: "message expired", 11: "; and 1 more", 12: "; and 2 more"} {
		r := &Result{Recipients: []Recipient{{Address: "ok@x.example", Status: Delivered}}}
		for i := range n {
			r.Recipients = append(r.Recipients, Recipient{Address: fmt.Sprintf("u%d@x.example", i), Status: GaveUp, Err: ErrExpired})
		}
		text := (&SendError{r}).Error()
		if !strings.HasPrefix(text, fmt.Sprintf("smtpace: %d of %d recipients not delivered: u0@x.example gave_up: smtpace: message expired", n, n+1)) ||
			strings.Count(text, "gave_up") != min(n, 10) || !strings.HasSuffix(text, end) || strings.Contains(text, "ok@") {
			t.Errorf("%d: got %s", n, text)
		}
	}
	e := &SendError{&Result{Recipients: []Recipient{{Address: "a@x.example"}, {Address: "b@x.example", Status: Refused, Err: ErrInvalid}, {Status: Delivered, Err: ErrClosed}}}}
	if got, want := e.Error(), "smtpace: 2 of 3 recipients not delivered: a@x.example not_tried; b@x.example refused: smtpace: invalid message"; got != want {
		t.Errorf("got %s", got)
	}
	if errs := e.Unwrap(); len(errs) != 1 || !errors.Is(e, ErrInvalid) || errors.Is(e, ErrClosed) {
		t.Errorf("wraps %v", errs)
	}
}

// TestStatusTexts reads and writes the five statuses and no others.
func TestStatusTexts(t *testing.T) {
	for s, want := range map[Status]string{NotTried: "not_tried", Delivered: "delivered", Refused: "refused", GaveUp: "gave_up", Unknown: "unknown", Unknown + 1: "invalid"} {
		text, err := s.MarshalText()
		if s.String() != want || (err == nil) != (s <= Unknown) || err == nil && string(text) != want {
			t.Errorf("%d: got %s, %s, %v", s, s, text, err)
		}
		var back Status
		if err := back.UnmarshalText([]byte(strings.ToUpper(want))); (err == nil) != (s <= Unknown) || err == nil && back != s {
			t.Errorf("%s: got %v, %v", want, back, err)
		}
		if s.safeToResend() != (s == NotTried || s == Refused || s == GaveUp) {
			t.Errorf("%s: may be sent again: %v", s, s.safeToResend())
		}
	}
	if err := new(Recipient).UnmarshalJSON([]byte(`{"status":7}`)); err == nil {
		t.Error("a status of 7 was read")
	}
}
