package monitor

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

// sample is the answer of a source at one time. Nothing of it changes after it was taken,
// but for the explanations, which are asked for when they are first wanted.
type sample struct {
	at    time.Time
	took  time.Duration // the time that taking it took
	stats smtpace.Stats
	order []int32 // indices of stats.Destinations: those that hold the most mail back first

	explained map[string]throttle.Explanation // by destination; guarded by Page.mu
}

const (
	// liveEvery and idleEvery are the times between samples while somebody looks and
	// while nobody does.
	liveEvery = time.Second
	idleEvery = slotSpan
	// liveShare and idleShare bound how much of a core the sampling takes: the time
	// between samples is at least so many times as long as taking one took.
	liveShare = 25
	idleShare = 250
)

// tick takes the next sample, unless one is being taken.
func (p *Page) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed && p.sampling == nil {
		p.sampleLocked()
	}
}

// takeSample returns the newest sample. If it was taken before a time, or there is
// none, it takes another, after the one that is being taken. It returns nil when the
// page is closed.
func (p *Page) takeSample(since time.Time) *sample {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && (p.newest == nil || p.newest.at.Before(since)) {
		running := p.sampling
		if running == nil {
			p.sampleLocked()
			continue
		}
		p.mu.Unlock()
		<-running
		p.mu.Lock()
	}
	if p.closed {
		return nil
	}
	return p.newest
}

// sampleLocked takes a sample, without the lock while the source is asked.
func (p *Page) sampleLocked() {
	p.sampling = make(chan struct{})
	p.mu.Unlock()
	start := time.Now()
	s := &sample{at: start, stats: p.source.Stats(), explained: map[string]throttle.Explanation{}}
	s.order = byHeldBack(s.stats.Destinations)
	p.mu.Lock()
	p.history.add(s)
	p.newest = s
	s.took = time.Since(start)
	p.scheduleLocked()
	for v := range p.viewers {
		v.wake()
	}
	close(p.sampling)
	p.sampling = nil
}

// scheduleLocked sets the timer for the sample after the newest.
func (p *Page) scheduleLocked() {
	if p.closed || p.newest == nil {
		return
	}
	every := max(idleEvery, p.newest.took*idleShare)
	if len(p.viewers) > 0 {
		every = max(liveEvery, p.newest.took*liveShare)
	}
	p.timer.Reset(time.Until(p.newest.at.Add(every)))
}

// byHeldBack returns the indices of destinations in the order in which a page shows
// them: by what waits, then by what is under way, then by name.
func byHeldBack(list []smtpace.DestinationStats) []int32 {
	order := make([]int32, len(list))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		a, b := &list[i], &list[j]
		return cmp.Or(cmp.Compare(b.Queued, a.Queued), cmp.Compare(b.InFlight, a.InFlight), cmp.Compare(i, j)) // sorted by name
	})
	return order
}

// destination returns what is known of a destination; nil when it is not known.
func (s *sample) destination(name string) *smtpace.DestinationStats {
	i, ok := slices.BinarySearchFunc(s.stats.Destinations, name, func(d smtpace.DestinationStats, name string) int {
		return cmp.Compare(d.Name, name)
	})
	if !ok {
		return nil
	}
	return &s.stats.Destinations[i]
}

// matches returns the first destinations in order with a text in their names, n at most,
// and the number of all of them.
func (s *sample) matches(text string, n int) (first []*smtpace.DestinationStats, all int) {
	for _, i := range s.order {
		d := &s.stats.Destinations[i]
		if !strings.Contains(d.Name, text) {
			continue
		}
		if all++; len(first) < n {
			first = append(first, d)
		}
	}
	return first, all
}

// explain returns the explanation of a destination at the time of the sample. Pages
// that show the same destination share it.
func (p *Page) explain(s *sample, name string) throttle.Explanation {
	p.mu.Lock()
	x, ok := s.explained[name]
	p.mu.Unlock()
	if ok {
		return x
	}
	x = p.source.Explain(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	s.explained[name] = x
	return x
}
