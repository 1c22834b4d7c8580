package throttle

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

func TestStatsAsJSON(t *testing.T) {
	r := newRig(t, Config{Endpoints: map[string]Limits{"spare": {}}})
	r.push("b.example", "x")
	r.push("b.example", "x")
	r.push("a.example", "y")
	c := r.open("relay")
	for range 4 {
		r.pass(250 * time.Millisecond)
		r.push("b.example", "x")
		g, _ := c.Next(r.now)
		r.accepted(g)
	}
	g := r.grant(c, "x")
	r.s.Hold(r.now, "b.example", Bulk, 700)
	r.refused(g, classify.StageRcpt, classify.LimitMessageRate, time.Minute)
	r.failed(r.mayOpenOther(), classify.StageConnect, classify.Verdict{RetryAfter: time.Hour})
	got, err := json.MarshalIndent(r.s.Stats(r.now), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
 "queued": 3,
 "in_flight": 0,
 "connections": 1,
 "held": 1,
 "held_bytes": 700,
 "endpoints": [
  {
   "name": "other",
   "connections": 0,
   "established": 0,
   "in_flight": 0,
   "resting_until": "2000-01-01T13:00:01Z",
   "concurrency": 1
  },
  {
   "name": "relay",
   "connections": 1,
   "established": 1,
   "in_flight": 0,
   "concurrency": 2
  },
  {
   "name": "spare",
   "connections": 0,
   "established": 0,
   "in_flight": 0,
   "concurrency": 1
  }
 ],
 "destinations": [
  {
   "name": "a.example",
   "queued": 0,
   "in_flight": 0,
   "held": 0,
   "concurrency": 2
  },
  {
   "name": "b.example",
   "queued": 2,
   "in_flight": 0,
   "held": 1,
   "concurrency": 2,
   "paused_until": "2000-01-01T12:01:01Z",
   "last_refusal": "450 4.7.1 not now",
   "last_refused": "2000-01-01T12:00:01Z"
  },
  {
   "name": "c.example",
   "queued": 1,
   "in_flight": 0,
   "held": 0,
   "concurrency": 1
  }
 ]
}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func (r *rig) mayOpenOther() *Conn[string] {
	r.job(Job[string]{Destination: "c.example", Path: Through("other")})
	return r.mayOpen("other")
}

// Where connections have paces of their own, the rate of an endpoint is that of all
// together, and that of one where none has begun yet.
func TestRateOfConnectionsWithPaces(t *testing.T) {
	r, e, _ := newSpread(t)
	rate := func() string {
		for _, of := range r.s.Stats(r.now).Endpoints {
			if of.Name == "relay" {
				return of.MessageRate
			}
		}
		return ""
	}
	if got := rate(); got != "9.8/s" {
		t.Errorf("together: got %s, want 9.8/s", got)
	}
	e.spread.begin(r.now, apart)
	e.spread.each = 2.5
	for members, want := range map[int]string{0: "2.5/s", 1: "2.5/s", 3: "7.5/s"} {
		if e.spread.members = members; rate() != want {
			t.Errorf("%d connections with paces: got %s, want %s", members, rate(), want)
		}
	}
}
