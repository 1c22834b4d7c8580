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
   "window": 1
  },
  {
   "name": "relay",
   "connections": 1,
   "established": 1,
   "in_flight": 0,
   "window": 2
  },
  {
   "name": "spare",
   "connections": 0,
   "established": 0,
   "in_flight": 0,
   "window": 1
  }
 ],
 "destinations": [
  {
   "name": "a.example",
   "queued": 0,
   "in_flight": 0,
   "held": 0,
   "window": 2
  },
  {
   "name": "b.example",
   "queued": 2,
   "in_flight": 0,
   "held": 1,
   "window": 2,
   "paused_until": "2000-01-01T12:01:01Z",
   "last_refusal": "450 4.7.1 not now",
   "last_refused": "2000-01-01T12:00:01Z"
  },
  {
   "name": "c.example",
   "queued": 1,
   "in_flight": 0,
   "held": 0,
   "window": 1
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
