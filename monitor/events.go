package monitor

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
)

const (
	// mostViewers is the number of pages that may be open at once.
	mostViewers = 100
	// patience is the time in which a viewer must take an event; a slower one is
	// dropped, and its page asks again.
	patience = 5 * time.Second
	// usualRows and mostRows are the default and the bound of the rows that a page
	// shows.
	usualRows = 50
	mostRows  = 500
	// mostRelays is the number of relays and of tenants that a page shows.
	mostRelays = 100
	// shownLessons is the number of lessons that the list of all shows.
	shownLessons = 30
)

// viewer is one open page.
type viewer struct {
	rows   int    // the number of destinations that it shows
	search string // what their names contain
	name   string // the destination whose page it shows; "" for the list

	woken chan struct{} // holds a value when there is a newer sample

	sent  map[string][]byte // what was sent last, by name of the row
	parts map[string][]byte // and by part of the event
	shown []string
}

// newViewer reads what a page wants to be shown.
func newViewer(query url.Values) *viewer {
	rows, err := strconv.Atoi(query.Get("rows"))
	if err != nil || rows < 1 {
		rows = usualRows
	}
	return &viewer{
		rows: min(rows, mostRows), search: strings.ToLower(strings.TrimSpace(query.Get("search"))), name: query.Get("name"),
		woken: make(chan struct{}, 1), sent: map[string][]byte{}, parts: map[string][]byte{},
	}
}

// wake tells the viewer of a newer sample.
func (v *viewer) wake() {
	select {
	case v.woken <- struct{}{}:
	default:
	}
}

// enter takes in a viewer. It reports false when there are too many, or the page is
// closed.
func (p *Page) enter(v *viewer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.viewers) >= mostViewers {
		return false
	}
	p.viewers[v] = struct{}{}
	p.scheduleLocked()
	return true
}

// leave takes out a viewer.
func (p *Page) leave(v *viewer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.viewers, v)
	p.scheduleLocked()
}

// serveEvents sends what a page shows at once, and then what has changed with each
// sample, as server-sent events.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	v := newViewer(r.URL.Query())
	if !p.enter(v) {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many pages are open, or this one is closed", http.StatusServiceUnavailable)
		return
	}
	defer p.leave(v)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for nginx
	control := http.NewResponseController(w)
	for s := p.takeSample(time.Now().Add(-2 * liveEvery)); s != nil; s = p.takeSample(s.at) {
		if err := write(w, control, p.event(v, s)); err != nil {
			return
		}
		select {
		case <-v.woken:
		case <-p.done:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// write sends an event. An error means that the viewer is gone or too slow. Between
// events there is no deadline: one that passes ends a stream of HTTP/2.
func write(w http.ResponseWriter, control *http.ResponseController, data []byte) error {
	if err := control.SetWriteDeadline(time.Now().Add(patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	for _, part := range [][]byte{[]byte("data: "), data, []byte("\n\n")} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if err := control.Flush(); err != nil {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{}) // as the one before
	return nil
}

// event is the news that a page gets with each sample: what has changed of it. A part that is
// nil is as before.
type event struct {
	Time     int64             `json:"time"`
	Actions  []string          `json:"actions,omitempty"`
	Total    totals            `json:"total"`
	Point    point             `json:"point"`
	History  []point           `json:"history,omitempty"`
	Known    int               `json:"known"`
	Matches  int               `json:"matches"`
	Order    []string          `json:"order"` // nil when it is as before
	Rows     []json.RawMessage `json:"rows,omitempty"`
	Relays   json.RawMessage   `json:"relays,omitempty"`
	Tenants  json.RawMessage   `json:"tenants,omitempty"`
	Refusals json.RawMessage   `json:"refusals,omitempty"`
	Detail   *detail           `json:"detail,omitempty"`
}

// event returns the next event of a viewer as JSON.
func (p *Page) event(v *viewer, s *sample) []byte {
	e := event{Time: s.at.UnixMilli(), Total: totalsOf(&s.stats), Known: len(s.stats.Destinations)}
	p.mu.Lock()
	e.Point = p.history.total.newest()
	if v.parts["total"] == nil {
		e.History, e.Actions = p.history.total.points(s.at), p.actions()
		v.parts["total"] = []byte{}
	}
	lessons := slices.Clone(p.history.lessons[max(len(p.history.lessons)-shownLessons, 0):])
	p.mu.Unlock()
	if v.name != "" {
		e.Detail = p.detail(v, s)
	} else {
		p.list(v, s, &e)
		e.Relays = v.changed("relays", relaysOf(s))
		e.Tenants = v.changed("tenants", tenantsOf(s))
		e.Refusals = v.changed("refusals", refusalsOf(lessons))
	}
	return marshal(e)
}

// list adds the changed rows to an event, and their order if it has changed.
func (p *Page) list(v *viewer, s *sample, e *event) {
	found, all := s.matches(v.search, v.rows)
	e.Matches = all
	names, seen := make([]string, len(found)), map[string][]byte{}
	for i, d := range found {
		names[i] = d.Name
		x := p.explain(s, d.Name)
		p.mu.Lock()
		t := p.history.tracks[d.Name]
		r := rowOf(d, &x, t)
		text := marshal(r)
		before, known := v.sent[d.Name]
		if !known && t != nil {
			r.History = t.points(s.at)
		}
		p.mu.Unlock()
		switch {
		case !known:
			e.Rows = append(e.Rows, marshal(r))
		case !bytes.Equal(text, before):
			e.Rows = append(e.Rows, text)
		}
		seen[d.Name] = text
	}
	v.sent = seen
	if v.shown == nil || !slices.Equal(names, v.shown) {
		v.shown, e.Order = names, names
	}
}

// detail returns the page of one destination.
func (p *Page) detail(v *viewer, s *sample) *detail {
	x := p.explain(s, v.name)
	d := s.destination(x.Destination)
	out := &detail{Known: d != nil, Refusals: []refusal{}}
	if d == nil {
		d = &smtpace.DestinationStats{}
		d.Name, d.Queued, d.Pace = x.Destination, x.Queued, x.Pace
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.history.tracks[d.Name]
	out.row, out.Counts = rowOf(d, &x, t), d.Counts
	out.Words = words(&x, out.State)
	if t != nil {
		if v.parts["detail"] == nil {
			out.History = t.points(s.at)
			v.parts["detail"] = []byte{}
		}
		for i := range t.lessons {
			out.Refusals = append(out.Refusals, refusalOf(&t.lessons[len(t.lessons)-1-i]))
		}
	}
	return out
}

// changed returns a part of an event as JSON; nil when it was sent before.
func (v *viewer) changed(part string, value any) json.RawMessage {
	text := marshal(value)
	if bytes.Equal(text, v.parts[part]) {
		return nil
	}
	v.parts[part] = text
	return text
}

// relaysOf returns the relays of a sample, those in trouble first.
func relaysOf(s *sample) []relay {
	out := make([]relay, 0, len(s.stats.Relays))
	for i := range s.stats.Relays {
		out = append(out, relayOf(&s.stats.Relays[i], s.at))
	}
	trouble := func(r *relay) int {
		if r.State == outage {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(out, func(a, b relay) int {
		return cmp.Or(cmp.Compare(trouble(&a), trouble(&b)), cmp.Compare(b.Connections, a.Connections))
	})
	return out[:min(len(out), mostRelays)]
}

// tenantsOf returns the scopes of a sample that have limits, those that hold most
// mail first.
func tenantsOf(s *sample) []tenant {
	out := make([]tenant, 0, len(s.stats.Scopes))
	for i := range s.stats.Scopes {
		out = append(out, tenantOf(&s.stats.Scopes[i]))
	}
	slices.SortStableFunc(out, func(a, b tenant) int { return cmp.Compare(b.Parked, a.Parked) })
	return out[:min(len(out), mostRelays)]
}

// refusalsOf returns lessons, the newest first.
func refusalsOf(lessons []lesson) []refusal {
	out := make([]refusal, 0, len(lessons))
	for i := range lessons {
		out = append(out, refusalOf(&lessons[len(lessons)-1-i]))
	}
	return out
}

// marshal returns a value of this package as JSON, which cannot fail.
func marshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
