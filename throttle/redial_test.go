package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// dialling returns a connection that is being opened for mail of "d" through
// "relay".
func (r *rig) dialling() *Conn[string] {
	r.Helper()
	r.push("d", "x")
	return r.mayOpen("relay")
}

// inUse returns the connections that occupy places: of the process, of the
// endpoint, and the transactions of the destination.
func (r *rig) inUse() [3]int32 {
	r.Helper()
	return [3]int32{r.s.process.inUse, r.endpoint("relay").inUse, r.destination("d").inUse}
}

// dialRates returns configurations with a rate of connections at one of the scopes that a
// dial concerns.
func dialRates(rate Rate) map[string]Config {
	process, endpoint, destination := wide(), wide(), wide()
	process.Process.ConnectionRate = rate
	endpoint.Endpoint.ConnectionRate = rate
	destination.Destination.ConnectionRate = rate
	return map[string]Config{"process": process, "endpoint": endpoint, "destination": destination}
}

// TestEveryDialCounts dials three times in a period that allows three, and once
// more when the next period allows one.
func TestEveryDialCounts(t *testing.T) {
	dials := map[string]func(c *Conn[string], now time.Time) bool{
		"again": (*Conn[string]).DialsAgain,
		"beside": func(c *Conn[string], now time.Time) bool {
			ok := c.DialsBeside(now)
			if ok {
				c.DialedBeside()
			}
			return ok
		},
	}
	for scope, cfg := range dialRates(Rate{Count: 60, Per: time.Minute, Burst: 3}) {
		for name, dial := range dials {
			t.Run(scope+" "+name, func(t *testing.T) {
				r := newRig(t, cfg)
				c := r.dialling()
				before := r.inUse()
				for i := range 2 {
					if !dial(c, r.now) {
						t.Fatalf("dial %d of 3 is not allowed", i+2)
					}
				}
				if dial(c, r.now) {
					t.Fatal("a fourth dial is allowed")
				}
				r.pass(time.Second + time.Millisecond)
				if !dial(c, r.now) || dial(c, r.now) {
					t.Error("a second later want one dial, and no more")
				}
				if got := r.inUse(); got != before {
					t.Errorf("the connection occupies %v, want %v as before", got, before)
				}
			})
		}
	}
}

// TestADialThatIsRefusedTakesNothing: where one scope has no token, the others keep
// theirs.
func TestADialThatIsRefusedTakesNothing(t *testing.T) {
	for scope, cfg := range dialRates(Rate{Count: 60, Per: time.Minute, Burst: 1}) {
		t.Run(scope, func(t *testing.T) {
			for _, l := range []*Limits{&cfg.Process, &cfg.Endpoint, &cfg.Destination} {
				if l.ConnectionRate == (Rate{}) {
					l.ConnectionRate = Rate{Count: 1, Per: 24 * time.Hour, Burst: 2}
				}
			}
			r := newRig(t, cfg)
			c := r.dialling() // each of the others has one token left
			for range 5 {
				if c.DialsAgain(r.now) || c.DialsBeside(r.now) {
					t.Fatal("a dial is allowed without a token")
				}
			}
			r.pass(2 * time.Second)
			if !c.DialsAgain(r.now) {
				t.Error("dials that were not allowed took tokens")
			}
		})
	}
}

// TestADialForNoMailCountsAtNoDestination: a connection that was opened without
// mail is dialled again by the rates of endpoint and process alone.
func TestADialForNoMailCountsAtNoDestination(t *testing.T) {
	r := newRig(t, dialRates(Rate{Count: 1, Per: time.Hour, Burst: 1})["destination"])
	c := r.opening("relay")
	r.job(Job[string]{Destination: "", Value: "x"})
	for range 3 {
		if !c.DialsAgain(r.now) {
			t.Fatal("the rate of a destination holds it up")
		}
	}
}

// TestASecondDialNeedsPlaces at the endpoint and in the process. They are free
// again when there is one connection.
func TestASecondDialNeedsPlaces(t *testing.T) {
	for _, test := range []struct {
		name              string
		process, endpoint int
		want              bool
	}{
		{"two of each", 2, 2, true},
		{"one in the process", 1, 2, false},
		{"one at the endpoint", 2, 1, false},
		{"no limit", Unlimited, Unlimited, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := wide()
			cfg.Process.Connections, cfg.Endpoint.Connections = test.process, test.endpoint
			r := newRig(t, cfg)
			c := r.dialling()
			if got := c.DialsBeside(r.now); got != test.want {
				t.Fatalf("a second dial is allowed: %v, want %v", got, test.want)
			}
			if !test.want {
				if got := r.inUse(); got != [3]int32{1, 1, 0} {
					t.Errorf("after a dial that was not allowed %v are in use", got)
				}
				return
			}
			if got := r.inUse(); got != [3]int32{2, 2, 0} {
				t.Errorf("beside another dial %v are in use, want two connections", got)
			}
			if test.process != Unlimited && c.DialsBeside(r.now) {
				t.Error("a third dial is allowed where two may be open")
			}
			c.DialedBeside()
			if got := r.inUse(); got != [3]int32{1, 1, 0} {
				t.Errorf("when one has ended %v are in use, want one connection", got)
			}
		})
	}
}

// TestTheSecondDialGivesItsPlaceToOthers: an endpoint that waits for a connection of
// the process, or of this endpoint, opens one as soon as the second dial has ended.
func TestTheSecondDialGivesItsPlaceToOthers(t *testing.T) {
	t.Run("of the process", func(t *testing.T) {
		r, c := dialsBeside(t, func(cfg *Config) { cfg.Process.Connections = 3 })
		r.job(Job[string]{Destination: "e", Path: Through("other"), Value: "y"})
		if h := r.driven(); len(h.opened) > 0 {
			t.Fatalf("%+v: the process has no place", h)
		}
		r.push("d", "later")
		r.driven()
		c.DialedBeside()
		if h := r.driven(); len(h.opened) != 1 || h.opened[0].Endpoint() != "other" {
			t.Errorf("%+v: want one connection opened, to the endpoint that has waited longer", h)
		}
	})
	t.Run("of the endpoint", func(t *testing.T) {
		r, c := dialsBeside(t, func(cfg *Config) { cfg.Endpoint.Connections = 3 })
		r.push("d", "y")
		if h := r.driven(); len(h.opened) > 0 {
			t.Fatalf("%+v: the endpoint has no place", h)
		}
		c.DialedBeside()
		if h := r.driven(); len(h.opened) != 1 {
			t.Errorf("%+v: want one connection opened", h)
		}
	})
}

// dialsBeside returns a connection that is being dialled twice, beside another that
// is busy. They occupy three places.
func dialsBeside(t *testing.T, set func(*Config)) (*rig, *Conn[string]) {
	t.Helper()
	cfg := wide()
	set(&cfg)
	r := newRig(t, cfg)
	r.push("d", "first")
	busy := r.open("relay")
	widen(3, &r.endpoint("relay").scope, &r.destination("d").scope)
	r.grant(busy, "first").Wrote(r.now)
	c := r.dialling()
	if !c.DialsBeside(r.now) {
		t.Fatal("a second dial is not allowed")
	}
	return r, c
}

// TestNoSecondDialAtAnEndpointInTrouble: one that rests is probed by one dial, and
// one that has refused a connection for their number lately gets no second.
func TestNoSecondDialAtAnEndpointInTrouble(t *testing.T) {
	tooMany := func(r *rig, established int) {
		r.push("d", "x")
		conns := r.openings(established+1, "relay")
		for _, c := range conns[:established] {
			c.Established(r.now)
		}
		r.failed(conns[established], classify.StageBanner, throttled(classify.LimitConnections, 0))
	}
	for _, test := range []struct {
		name    string
		trouble func(r *rig)
		wait    time.Duration
		want    bool
	}{
		{"none", func(*rig) {}, time.Second, true},
		{"it rests", func(r *rig) {
			r.failed(r.dialling(), classify.StageConnect, classify.Verdict{})
		}, longestRest, false},
		{"it refused the second of two", func(r *rig) { tooMany(r, 1) }, 2 * time.Hour, false},
		{"it refused the only one", func(r *rig) { tooMany(r, 0) }, time.Hour - time.Second, false},
		{"it refused the only one an hour ago", func(r *rig) { tooMany(r, 0) }, time.Hour, true},
		{"it refused another for how often they are opened", func(r *rig) {
			r.push("d", "x")
			conns := r.openings(2, "relay")
			conns[0].Established(r.now)
			r.failed(conns[1], classify.StageBanner, throttled(classify.LimitConnectionRate, 0))
		}, 30 * time.Minute, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, wide())
			test.trouble(r)
			r.pass(test.wait)
			widen(8, &r.endpointMade("relay").scope)
			c := r.dialling()
			if got := c.DialsBeside(r.now); got != test.want {
				t.Errorf("a second dial is allowed: %v, want %v", got, test.want)
			}
			if !c.DialsAgain(r.now) && test.want {
				t.Error("one dial after the other is not allowed")
			}
		})
	}
}

// endpointMade returns an endpoint, made when it is not there.
func (r *rig) endpointMade(name string) *endpoint[string] {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	return r.s.endpointLocked(name)
}
