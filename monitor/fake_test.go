package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

// fake is a source that says what a test tells it.
type fake struct {
	mu    sync.Mutex
	stats smtpace.Stats
	takes time.Duration // the time that Stats takes
	asked int           // calls of Stats
	done  []string      // actions
}

// full is a source with all that a page can offer.
type full interface {
	Source
	pauser
	forgetter
	retrier
}

var _, _ full = (*smtpace.Sender)(nil), (*smtpace.Pacer)(nil)

func (f *fake) Stats() smtpace.Stats {
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	s := f.stats
	s.Destinations = slices.Clone(s.Destinations)
	return s
}

func (f *fake) Explain(name string) throttle.Explanation {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := throttle.Explanation{Destination: name, Time: time.Now()}
	for _, d := range f.stats.Destinations {
		if d.Name == name {
			x.Known, x.Queued, x.InFlight, x.Pace = true, d.Queued, d.InFlight, d.Pace
		}
	}
	return x
}

func (f *fake) act(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = append(f.done, what)
}

func (f *fake) Pause(name string)    { f.act("pause " + name) }
func (f *fake) Resume(name string)   { f.act("resume " + name) }
func (f *fake) Forget(name string)   { f.act("forget " + name) }
func (f *fake) RetryNow(name string) { f.act("retry " + name) }

// hold sets what waits at a destination and what was delivered there so far.
func (f *fake) hold(name string, queued int, delivered int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, ok := slices.BinarySearchFunc(f.stats.Destinations, name, func(d smtpace.DestinationStats, name string) int { return strings.Compare(d.Name, name) })
	if !ok {
		f.stats.Destinations = slices.Insert(f.stats.Destinations, i, smtpace.DestinationStats{})
	}
	d := &f.stats.Destinations[i]
	d.Name, d.Queued, d.Delivered, d.Tries, d.Concurrency = name, queued, delivered, delivered, 1
}

// teach sets the last lesson of a destination that is held.
func (f *fake) teach(name, reply, rate string, concurrency int, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.stats.Destinations {
		if d := &f.stats.Destinations[i]; d.Name == name {
			d.LastRefusal, d.MessageRate, d.Concurrency, d.RefusedAt = reply, rate, concurrency, &at
		}
	}
}

func (f *fake) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// newPage returns a page that ends with the test.
func newPage(t *testing.T, f *fake, options Options) *Page {
	t.Helper()
	p := Handler(f, options)
	t.Cleanup(p.Close)
	return p
}

// ask returns the answer to a request. header are pairs of name and value.
func ask(h http.Handler, method, url, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// follower reads the events of a page.
type follower struct {
	*testing.T
	leave  context.CancelFunc
	events chan event
	status chan int
}

// follow opens the events of a page.
func follow(t *testing.T, p *Page, query string) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	f := &follower{t, cancel, make(chan event, 1000), make(chan int, 1)}
	w := &stream{header: http.Header{}, status: http.StatusOK, events: f.events}
	go func() {
		p.ServeHTTP(w, httptest.NewRequest("GET", "/events?"+query, nil).WithContext(ctx))
		f.status <- w.status
		close(f.events)
	}()
	return f
}

// next returns the next event.
func (f *follower) next() event {
	f.Helper()
	select {
	case e, ok := <-f.events:
		if !ok {
			f.Fatal("the events have ended")
		}
		return e
	case <-time.After(time.Hour):
		f.Fatal("no event within an hour")
		return event{}
	}
}

// drain drops the events that were sent: the next is of what is changed from now on.
func (f *follower) drain() {
	for synctest.Wait(); len(f.events) > 0; {
		<-f.events
	}
}

// names returns the rows that an event changes.
func (e *event) names() (names []string) {
	for _, text := range e.Rows {
		var r row
		if err := json.Unmarshal(text, &r); err != nil {
			panic(err)
		}
		names = append(names, r.Name)
	}
	return names
}

// stream is a response that takes events apart. A stuck one takes none before its
// deadline. As a stream of HTTP/2 it ends when a deadline passes, also between writes.
type stream struct {
	header   http.Header
	status   int
	events   chan event
	stuck    bool
	deadline time.Time
	ended    bool // whether a deadline has passed
	text     bytes.Buffer
}

func (s *stream) Header() http.Header    { return s.header }
func (s *stream) WriteHeader(status int) { s.status = status }
func (s *stream) SetWriteDeadline(at time.Time) error {
	s.ended = s.ended || !s.deadline.IsZero() && time.Now().After(s.deadline)
	s.deadline = at
	return nil
}
func (s *stream) Write(data []byte) (n int, err error) {
	if s.ended {
		return 0, os.ErrDeadlineExceeded
	}
	if s.stuck {
		if s.deadline.IsZero() {
			select {} // for ever
		}
		time.Sleep(time.Until(s.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	return s.text.Write(data)
}

func (s *stream) Flush() {
	for {
		one, rest, whole := strings.Cut(s.text.String(), "\n\n")
		if !whole {
			return
		}
		var e event
		if err := json.Unmarshal([]byte(strings.TrimPrefix(one, "data: ")), &e); err != nil {
			panic(err)
		}
		s.text.Reset()
		s.text.WriteString(rest)
		s.events <- e
	}
}
