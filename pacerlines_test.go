package smtpace

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace/throttle"
)

// Lines through relays are forgotten when there are too many. Those named in settings,
// those with set limits or with a place, and the newest stay.
func TestLinesThatAreForgotten(t *testing.T) {
	var l lineSet
	l.init(PacerConfig{Profiles: known(t), Relays: map[string]throttle.Limits{"named": {}}})
	l.limit("limited", true)
	used, _ := l.of("used", "")
	l.add(&place{line: used})
	for i := len(l.relays); i < maxLines; i++ {
		l.of(fmt.Sprint("relay ", i), "")
	}
	newest, _ := l.of("relay 3", "")
	if old := l.crowdedOut(newest); old != nil {
		t.Fatalf("%d of %d lines were forgotten, want none", len(old), maxLines)
	}
	newest, isNew := l.of("newest", "")
	if _, again := l.of("newest", ""); !isNew || again {
		t.Errorf("new the first time: %v, and the second: %v", isNew, again)
	}
	if old := l.crowdedOut(newest); len(old) != maxLines-3 || len(l.relays) != 4 {
		t.Errorf("%d lines were forgotten and %d are left, want %d and 4", len(old), len(l.relays), maxLines-3)
	}
	for _, name := range []string{"named", "limited", "used", "newest"} {
		if l.relays[name] == nil {
			t.Errorf("the line %s was forgotten", name)
		}
	}
}

// Lines to destinations are a cache, which begins anew when it is full.
func TestLinesToDestinationsAreBounded(t *testing.T) {
	var l lineSet
	l.init(PacerConfig{Profiles: known(t)})
	for i := range maxLines {
		l.of("", fmt.Sprint("d", i, ".example"))
	}
	if len(l.direct) != maxLines {
		t.Fatalf("got %d lines, want %d", len(l.direct), maxLines)
	}
	first, isNew := l.of("", "d0.example")
	if isNew || l.at("d0.example") != first {
		t.Error("the first was forgotten too soon")
	}
	if l.of("", "one-more.example"); len(l.direct) != 1 || len(l.relays) != 0 {
		t.Errorf("got %d lines and %d relays, want the last line alone", len(l.direct), len(l.relays))
	}
}

// A place that was woken before it was idle asks again, and ends when nothing has used it
// for long.
func TestPlacesThatAreIdle(t *testing.T) {
	now := time.Now()
	v := &place{woken: true}
	if v.rests(now) || v.woken || v.idle {
		t.Error("it rests although it was woken")
	}
	if !v.rests(now) || !v.idle || v.since != now {
		t.Error("it does not rest")
	}
	for name, v := range map[string]*place{
		"ended before":  {ended: true, idle: true, since: now.Add(-time.Hour)},
		"in use":        {since: now.Add(-time.Hour)},
		"idle shortly":  {idle: true, since: now.Add(1 - idleFor)},
		"ended, in use": {ended: true},
	} {
		was := v.ended
		if v.endIdle(now) || v.ended != was {
			t.Errorf("%s: it was ended", name)
		}
	}
}

// Places end once nothing has used them for long, and not before.
func TestPlacesEndWhenTheyAreIdle(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{Connections: 2}})
		p.tabs.off = true
		mustGo(t, p)
		used := time.Now()
		if left := p.lines.endIdle(used.Add(idleFor - 1)); !left || len(p.lines.places) != 1 {
			t.Errorf("it ended too soon: %d places", len(p.lines.places))
		}
		if left := p.lines.endIdle(used.Add(idleFor)); left || len(p.lines.places) != 0 {
			t.Errorf("it does not end: %d places", len(p.lines.places))
		}
		mustGo(t, p)
	})
}

// A new line through the relay of a known service has the ceilings of that service.
func TestLinesOfAService(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Profiles: profiles(t, `
			[[profile]]
			name = "service"
			relays = ["smtp.service.example"]
			[[profile.figure]]
			limits = "rate:1/h"
			source = "made up"
		`)})
		try := func(relay string) error {
			return p.TryRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, Relay: relay}, func(context.Context, []string) error { return nil })
		}
		if err := errors.Join(try("smtp.service.example:587"), try("smtp.other.example:587"), try("smtp.other.example:587")); err != nil {
			t.Fatal(err)
		}
		if err := try("smtp.service.example:587"); !errors.Is(err, ErrNotNow) {
			t.Errorf("the second message of the hour: got %v, want ErrNotNow", err)
		}
	})
}
