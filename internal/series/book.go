package series

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/throttle"
)

// Source is a Sender or a Pacer that is watched.
type Source interface {
	Stats() smtpace.Stats
}

// explainer is a Source that also says what holds mail back.
type explainer interface {
	Explain(domain string) throttle.Explanation
}

// DefaultTop is the number of names that a label has by default, "other" not counted.
const DefaultTop = 20

// Book keeps what must be remembered from one collection to the next. It is safe for
// concurrent use.
type Book struct {
	observe func(m *Metric, seconds float64, labels ...string) // takes a value of a histogram

	mu                            sync.Mutex
	source                        Source // nil until Watch
	destinations, relays, tenants *group
	refused                       map[classify.Class]float64
	lessons                       map[[2]string]float64
	byTenant                      map[string]*[tenantCounters]float64
}

// Counters of a tenant.
const (
	countTries = iota
	countDelivered
	tenantCounters
)

// maxTenants is the number of tenants that are counted one by one, as many as the Sender
// does of destinations. Those that come later are in "other" alone.
const maxTenants = 10_000

// New returns a Book of so many names for each label, 0 for DefaultTop. observe takes the
// values of histograms and must be safe for concurrent use.
func New(top int, observe func(m *Metric, seconds float64, labels ...string)) *Book {
	top = cmp.Or(max(top, 0), DefaultTop)
	return &Book{
		observe: observe, destinations: newGroup(top, 2, len(destinationCounters)), relays: newGroup(top, 3, 2), tenants: newGroup(top, 2, tenantCounters),
		refused: map[classify.Class]float64{}, lessons: map[[2]string]float64{}, byTenant: map[string]*[tenantCounters]float64{},
	}
}

// Watch sets the source of the state.
func (b *Book) Watch(s Source) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source = s
}

// Observer returns the Observer that counts the events.
func (b *Book) Observer() smtpace.Observer {
	return smtpace.Observer{Try: b.tried, Settled: b.settled, Closed: b.closed, Limit: b.learned}
}

// tried notes the times of a try, and counts it for its tenant.
func (b *Book) tried(t smtpace.Try) {
	if t.Tenant != "" {
		b.triedFor(t)
	}
	if !t.Again {
		b.observe(QueueTime, max(t.Began.Sub(t.Accepted), 0).Seconds())
	}
	b.observe(TransactionTime, max(t.Time.Sub(t.Began), 0).Seconds(), Outcome(t))
}

// triedFor counts a try for its tenant.
func (b *Book) triedFor(t smtpace.Try) {
	b.mu.Lock()
	defer b.mu.Unlock()
	of := b.byTenant[t.Tenant]
	if of == nil {
		if len(b.byTenant) >= maxTenants {
			t.Tenant = Other
		}
		if of = b.byTenant[t.Tenant]; of == nil {
			of = new([tenantCounters]float64)
			b.byTenant[t.Tenant] = of
		}
	}
	of[countTries]++
	for i := range t.Recipients {
		if t.Recipients[i].Verdict.Recipient == classify.RecipientDelivered {
			of[countDelivered]++
		}
	}
}

// Outcome returns the outcome of a try in one word: the first of ambiguous, deferred and
// refused that has happened to a recipient, else delivered.
func Outcome(t smtpace.Try) string {
	rank, names := 0, [...]string{"delivered", "refused", "deferred", "ambiguous"}
	for i := range t.Recipients {
		switch t.Recipients[i].Verdict.Recipient {
		case classify.RecipientAmbiguous:
			rank = 3
		case classify.RecipientLater:
			rank = max(rank, 2)
		case classify.RecipientRefused:
			rank = max(rank, 1)
		}
	}
	return names[rank]
}

// settled counts the recipients that were refused.
func (b *Book) settled(r *smtpace.Result) {
	for i := range r.Recipients {
		if r.Recipients[i].Status != smtpace.Refused {
			continue
		}
		b.mu.Lock()
		b.refused[r.Recipients[i].Class]++
		b.mu.Unlock()
	}
}

// closed notes the duration of a connection that was opened.
func (b *Book) closed(c smtpace.Connection) {
	if !c.Opened.IsZero() {
		b.observe(ConnectionTime, max(c.Time.Sub(c.Opened), 0).Seconds())
	}
}

// learned counts a lesson.
func (b *Book) learned(c throttle.Change) {
	if c.Breaker || c.Limit == classify.LimitNone {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lessons[[2]string{c.Scope, c.Limit.String()}]++
}

// destinationCounters are the counters of a destination, with the outcome where they have
// that label.
var destinationCounters = []struct {
	metric  *Metric
	outcome string
	of      func(*smtpace.Counts) int64
}{
	{recipients, "delivered", func(c *smtpace.Counts) int64 { return c.Delivered }},
	{recipients, "refused", func(c *smtpace.Counts) int64 { return c.Refused }},
	{recipients, "gave_up", func(c *smtpace.Counts) int64 { return c.GaveUp }},
	{recipients, "not_tried", func(c *smtpace.Counts) int64 { return c.NotTried }},
	{recipients, "unknown", func(c *smtpace.Counts) int64 { return c.Unknown }},
	{tries, "", func(c *smtpace.Counts) int64 { return c.Tries }},
	{throttled, "", func(c *smtpace.Counts) int64 { return c.Throttled }},
	{ambiguous, "", func(c *smtpace.Counts) int64 { return c.Ambiguous }},
}

// Collect gives the present value of every gauge and counter to emit, with the values of
// its labels.
func (b *Book) Collect(emit func(m *Metric, value float64, labels ...string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, class := range slices.Sorted(maps.Keys(b.refused)) {
		emit(refused, b.refused[class], class.String())
	}
	for of, n := range b.lessons {
		emit(lessons, n, of[0], of[1])
	}
	if b.source == nil {
		return
	}
	s := b.source.Stats()
	emit(waiting, float64(s.Total.Waiting))
	emit(rendered, float64(s.Held))
	emit(renderedBytes, float64(s.HeldBytes))
	for class, n := range s.Total.Deferred {
		emit(deferred, float64(n), class.String())
	}
	b.collectDestinations(&s, emit)
	b.collectRelays(&s, emit)
	b.collectTenants(&s, emit)
}

// collectDestinations gives what is known by destination.
func (b *Book) collectDestinations(s *smtpace.Stats, emit func(*Metric, float64, ...string)) {
	rows := make([]row, 0, len(s.Destinations))
	for i := range s.Destinations {
		d := &s.Destinations[i]
		counters := make([]float64, len(destinationCounters))
		for k, c := range destinationCounters {
			counters[k] = float64(c.of(&d.Counts))
		}
		rows = append(rows, row{d.Name, []float64{float64(d.Queued), float64(d.InFlight)}, counters})
	}
	bounded := b.destinations.update(rows)
	for _, r := range bounded {
		emit(queued, r.gauges[0], r.name)
		emit(inFlight, r.gauges[1], r.name)
		for k, c := range destinationCounters {
			if c.outcome == "" {
				emit(c.metric, r.counters[k], r.name)
			} else {
				emit(c.metric, r.counters[k], r.name, c.outcome)
			}
		}
	}
	reasons := b.reasons(s)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		emit(held, reasons[reason], reason)
	}
}

// reasons returns the numbers of deliveries that wait by what holds them back. It asks
// for the destinations with names of their own; of the others it knows only what Stats
// has.
func (b *Book) reasons(s *smtpace.Stats) map[string]float64 {
	out := map[string]float64{}
	asks, _ := b.source.(explainer)
	for i := range s.Destinations {
		d := &s.Destinations[i]
		_, named := b.destinations.named[d.Name]
		reason := Other
		switch {
		case d.Queued == 0:
			continue
		case named && asks != nil:
			reason = cmp.Or(asks.Explain(d.Name).Bind.Limit, "none")
		case d.Breaker != "":
			reason = "breaker"
		case d.PausedUntil != nil:
			reason = "hint"
		}
		out[reason] += float64(d.Queued)
	}
	return out
}

// collectRelays gives what is known by relay.
func (b *Book) collectRelays(s *smtpace.Stats, emit func(*Metric, float64, ...string)) {
	rows := make([]row, 0, len(s.Relays))
	for i := range s.Relays {
		r := &s.Relays[i]
		isDown := 0.0
		if r.RestingUntil != nil || r.Breaker != "" {
			isDown = 1
		}
		rows = append(rows, row{r.Name, []float64{float64(r.Connections), float64(r.Established), isDown}, []float64{float64(r.Opened), float64(r.Failed)}})
	}
	for _, r := range b.relays.update(rows) {
		emit(connections, r.gauges[0], r.name)
		emit(established, r.gauges[1], r.name)
		emit(down, r.gauges[2], r.name)
		emit(opened, r.counters[0], r.name)
		emit(failed, r.counters[1], r.name)
	}
}

// collectTenants gives what is known by tenant.
func (b *Book) collectTenants(s *smtpace.Stats, emit func(*Metric, float64, ...string)) {
	by := map[string]row{}
	for name, counts := range b.byTenant {
		by[name] = row{name, make([]float64, 2), slices.Clone(counts[:])}
	}
	for i := range s.Scopes {
		scope := &s.Scopes[i]
		if scope.Kind != throttle.ScopeTenant.String() {
			continue
		}
		r, has := by[scope.Name]
		if !has {
			r = row{scope.Name, make([]float64, 2), make([]float64, tenantCounters)}
			by[scope.Name] = r
		}
		r.gauges[0], r.gauges[1] = float64(scope.Parked), float64(scope.InFlight)
	}
	rows := make([]row, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		rows = append(rows, by[name])
	}
	for _, r := range b.tenants.update(rows) {
		emit(parked, r.gauges[0], r.name)
		emit(tenantsIn, r.gauges[1], r.name)
		emit(tenantTries, r.counters[countTries], r.name)
		emit(tenantDelivered, r.counters[countDelivered], r.name)
	}
}
