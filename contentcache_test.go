package smtpace

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/smtptest"
)

// What waits without a time for its next try is dropped after a while.
func TestBytesOfAPausedDestinationAreDropped(t *testing.T) {
	inWorld(t, smtptest.Config{Latency: time.Second}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("y.example")
		var got results
		if _, err := s.Submit(t.Context(), lf("m", "a@x.example", "b@y.example"), got.done); err != nil {
			t.Fatal(err)
		}
		for held(s) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		for srv.Stats().Messages == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(keepRendered - time.Second)
		if held(s) != 1 {
			t.Error("the bytes are dropped at once")
		}
		time.Sleep(3 * time.Second)
		if held(s) != 0 {
			t.Error("the bytes are held")
		}
		s.Resume("y.example")
		time.Sleep(time.Minute)
		if r := got.of("m"); r == nil || !r.Delivered() || held(s) != 0 {
			t.Errorf("%+v, %d held", r, held(s))
		}
	})
}

// However many messages wait rendered, they are an eighth of what may be.
func TestContentCacheIsBounded(t *testing.T) {
	r := newContentCache(Config{MaxHeld: 80, MaxHeldBytes: 8000})
	defer r.stop()
	now := time.Now()
	gone := 0
	for range 30 {
		gone += len(r.add(&Submission{}, 10, now))
	}
	if gone != 20 || r.total != 100 {
		t.Errorf("%d of 30 messages went, %d bytes stay", gone, r.total)
	}
	if gone := len(r.add(&Submission{}, 950, now)); gone != 5 {
		t.Errorf("%d messages went for a large one", gone)
	}
	if gone := len(r.add(&Submission{}, 5000, now)); gone != 6 || r.total != 5000 {
		t.Errorf("%d messages went for one that is too large, %d bytes stay", gone, r.total)
	}
	if gone := len(r.add(&Submission{}, 10, now)); gone != 1 || r.total != 10 {
		t.Errorf("%d messages went for a small one, %d bytes stay", gone, r.total)
	}
}
