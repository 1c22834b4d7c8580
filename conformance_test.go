package smtpace_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/mtatest"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/retry"
	"github.com/smtpace/smtpace/throttle"
)

// The same tests against every server: nothing is lost, nothing comes twice,
// nothing is altered.

// conformanceTimeout bounds each of the tests below. It is generous: Exim, which begins
// some processes for each message, sent half of a thousand in two minutes where ten other
// programs had work for each processor.
const conformanceTimeout = 5 * time.Minute

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, kind := range mtatest.Kinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			for _, test := range []struct {
				name   string
				server mtatest.Config
				needs  bool
			}{
				{name: "pipelining", needs: kind.Pipelines()},
				{name: "lock-step", server: mtatest.Config{LockStep: true}, needs: true},
				{name: "STARTTLS", server: mtatest.Config{TLS: true}, needs: true},
			} {
				t.Run(test.name, func(t *testing.T) {
					if !test.needs {
						t.Skipf("%v does not know PIPELINING", kind)
					}
					t.Parallel()
					conformSamples(t, mtatest.Start(t, kind, test.server))
				})
			}
			t.Run("restarted", func(t *testing.T) {
				t.Parallel()
				conformRestarted(t, mtatest.Start(t, kind, mtatest.Config{}))
			})
			t.Run("four connections", func(t *testing.T) {
				t.Parallel()
				conformConnections(t, mtatest.Start(t, kind, mtatest.Config{}))
			})
		})
	}
}

// conformSamples sends every kind of sample, one after the other.
func conformSamples(t *testing.T, server *mtatest.Server) {
	sender, _ := conformanceSender(t, server, throttle.Limits{})
	samples := conformanceSamples(t, server.Kind)
	for _, l := range samples {
		t.Run(l.name, func(t *testing.T) {
			settled := make(chan *smtpace.Result, 1)
			if _, err := sender.Submit(t.Context(), l.message, func(r *smtpace.Result) { settled <- r }); err != nil {
				t.Fatal(err)
			}
			l.check(t, <-settled)
		})
	}
	expectSamples(t, server.Copies(t, conformanceTimeout), samples, nil)
}

// conformRestarted kills the server and starts it again, twice, while messages
// flow. What is ambiguous then may come twice; nothing else may, and all of it
// comes.
func conformRestarted(t *testing.T, server *mtatest.Server) {
	sender, connections := conformanceSender(t, server, throttle.Limits{Connections: 4})
	samples := conformanceNotes(t, 1000)
	var settled atomic.Int64
	results := map[string]*smtpace.Result{}
	var sending sync.WaitGroup
	sending.Go(func() {
		sendSamples(t, sender, samples, func(r *smtpace.Result) {
			results[r.ID.(string)] = r
			settled.Add(1)
		})
	})
	for _, mark := range []int64{200, 500} {
		for settled.Load() < mark && !t.Failed() {
			time.Sleep(time.Millisecond)
		}
		server.Restart(t)
	}
	sending.Wait()
	if connections.lost() == 0 {
		t.Error("no connection was lost, so this test has not tested anything")
	}
	ambiguous := map[string]int{}
	for _, l := range samples {
		result := results[l.id]
		if result == nil {
			t.Errorf("%s: no result", l.id)
			continue
		}
		l.check(t, result)
		if n := result.Recipients[0].Ambiguous; n > 0 {
			ambiguous[l.id] = n
		}
	}
	twice := expectSamples(t, server.Copies(t, conformanceTimeout), samples, ambiguous)
	t.Logf("%v, restarted twice: %d of %d messages ambiguous, %d of them came twice", server.Kind, len(ambiguous), len(samples), twice)
}

// conformConnections sends a thousand messages over four connections.
func conformConnections(t *testing.T, server *mtatest.Server) {
	const connections = 4
	sender, open := conformanceSender(t, server, throttle.Limits{Connections: connections})
	samples := conformanceNotes(t, 1000)
	byID := map[string]sample{}
	for _, l := range samples {
		byID[l.id] = l
	}
	start := time.Now()
	sendSamples(t, sender, samples, func(r *smtpace.Result) {
		l, ok := byID[r.ID.(string)]
		if !ok {
			t.Errorf("a second result of %v", r.ID)
		}
		delete(byID, l.id)
		l.check(t, r)
	})
	t.Logf("%v: %d messages in %.1f s", server.Kind, len(samples), time.Since(start).Seconds())
	if most := open.most(); most != connections {
		t.Errorf("connections open at once: got %d at most, want %d", most, connections)
	}
	expectSamples(t, server.Copies(t, conformanceTimeout), samples, nil)
}

// conformanceSender makes a Sender whose only relay is the server, which it
// soon comes back to after a fault. It is closed with the test.
func conformanceSender(t *testing.T, server *mtatest.Server, limits throttle.Limits) (*smtpace.Sender, *openConnections) {
	t.Helper()
	soon := retry.Schedule{First: 200 * time.Millisecond, Max: time.Second}
	schedules := retry.Config{Schedules: map[classify.Class]retry.Schedule{}, Ambiguous: soon}
	for class := classify.ClassUnknown; class <= classify.ClassNetwork; class++ {
		schedules.Schedules[class] = soon
	}
	policy, err := retry.New(schedules)
	if err != nil {
		t.Fatal(err)
	}
	relay := smtpace.Relay{Addr: server.Addr, HELO: "client.test", TLS: pool.TLSNone, Limits: limits}
	if config := server.ClientTLS(); config != nil {
		relay.TLS, relay.TLSConfig = pool.TLSMandatory, config
	}
	open := new(openConnections)
	sender, err := smtpace.New(smtpace.Config{
		Relays: []smtpace.Relay{relay}, Retry: policy, Observers: []smtpace.Observer{open.observer()}, Expiry: conformanceTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sender.Close() })
	return sender, open
}

// sendSamples gives samples to the sender in bulk and waits for all results.
func sendSamples(t *testing.T, sender *smtpace.Sender, samples []sample, done func(*smtpace.Result)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), conformanceTimeout)
	defer cancel()
	messages := func(yield func(smtpace.Message) bool) {
		for _, l := range samples {
			if !yield(l.message) {
				return
			}
		}
	}
	if err := sender.SendAll(ctx, messages, done); err != nil {
		t.Errorf("SendAll: %v", err)
	}
}

// openConnections counts the connections that are ready for mail.
type openConnections struct {
	mu       sync.Mutex
	ids      []uint64
	greatest int
	broken   int // ended otherwise than in order
}

func (o *openConnections) observer() smtpace.Observer {
	return smtpace.Observer{
		Opened: func(c smtpace.Connection) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.ids = append(o.ids, c.ID)
			o.greatest = max(o.greatest, len(o.ids))
		},
		Closed: func(c smtpace.Connection) {
			o.mu.Lock()
			defer o.mu.Unlock()
			known := len(o.ids)
			o.ids = slices.DeleteFunc(o.ids, func(id uint64) bool { return id == c.ID })
			if len(o.ids) < known && c.Err != nil {
				o.broken++
			}
		},
	}
}

// lost returns the number of connections that broke after they were ready.
func (o *openConnections) lost() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// most returns the largest number that were ready at once.
func (o *openConnections) most() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.greatest
}

// The oracle of the tests above
// tells a copy that is missing, one too many, an altered one and a stranger.
func TestConformanceOracle(t *testing.T) {
	samples := conformanceNotes(t, 2)
	first := mtatest.Copy{Recipient: samples[0].to[0], MessageID: samples[0].id, Transaction: "1", Text: samples[0].text}
	second := mtatest.Copy{Recipient: samples[1].to[0], MessageID: samples[1].id, Transaction: "2", Text: samples[1].text}
	change := func(c mtatest.Copy, f func(*mtatest.Copy)) mtatest.Copy { f(&c); return c }
	again := change(second, func(c *mtatest.Copy) { c.Transaction = "3" })
	for _, test := range []struct {
		name      string
		copies    []mtatest.Copy
		ambiguous map[string]int
		want      int
	}{
		{name: "all, once", copies: []mtatest.Copy{first, second}},
		{name: "lost", copies: []mtatest.Copy{first}, want: 1},
		{name: "twice", copies: []mtatest.Copy{first, second, again}, want: 1},
		{name: "twice, once ambiguous", copies: []mtatest.Copy{first, second, again}, ambiguous: map[string]int{samples[1].id: 1}},
		{name: "twice, another ambiguous", copies: []mtatest.Copy{first, second, again}, ambiguous: map[string]int{samples[0].id: 1}, want: 1},
		{name: "twice by the server itself", copies: []mtatest.Copy{first, second, second}},
		{name: "altered", copies: []mtatest.Copy{first, change(second, func(c *mtatest.Copy) { c.Text = append(slices.Clone(c.Text), '.') })}, want: 1},
		{name: "unknown", copies: []mtatest.Copy{first, second, change(second, func(c *mtatest.Copy) { c.MessageID = "x" })}, want: 1},
		{name: "to another", copies: []mtatest.Copy{first, change(second, func(c *mtatest.Copy) { c.Recipient = "x" })}, want: 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults, _ := compareSamples(test.copies, samples, test.ambiguous)
			if len(faults) != test.want {
				t.Errorf("got %s, want %d faults", fmt.Sprintf("%q", faults), test.want)
			}
		})
	}
}
