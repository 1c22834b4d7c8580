package monitor

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

const (
	// mostTracks is the number of destinations of which a history is kept.
	mostTracks = 10_000
	// forgetAfter is the time after which that of a destination without mail goes.
	forgetAfter = slots * slotSpan
	// mostLessons is the number of lessons that are kept of all destinations, and
	// mostLessonsOfOne of one.
	mostLessons      = 100
	mostLessonsOfOne = 10
)

// history is the memory that a page has of the samples.
type history struct {
	previous *sample
	total    series
	tracks   map[string]*track // by destination
	lessons  []lesson          // the newest last
}

// track is the history of one destination.
type track struct {
	series
	active  time.Time // the last time at which it had mail
	lessons []lesson  // the newest last
}

// lesson is a refusal and what it has taught.
type lesson struct {
	At    time.Time
	Scope string // "destination" or "relay"
	Name  string
	Reply string // as the server gave it, or the pattern that was seen
	From  throttle.Pace
	To    throttle.Pace
}

// add takes in a sample.
func (h *history) add(s *sample) {
	if h.tracks == nil {
		h.tracks = map[string]*track{}
	}
	before := h.previous
	h.previous = s
	if before == nil {
		h.total.add(s.at, slotOf(0, &s.stats.Total, &s.stats.Total, s.stats.Queued, s.stats.Connections, ""))
		before = &sample{at: s.at}
	} else {
		h.total.add(s.at, slotOf(s.at.Sub(before.at), &before.stats.Total, &s.stats.Total, s.stats.Queued, s.stats.Connections, ""))
	}
	h.relays(before, s)
	h.follow(before, s)
	for name, t := range h.tracks {
		if s.at.Sub(t.active) > forgetAfter {
			delete(h.tracks, name)
		}
	}
}

// follow takes in the destinations of a sample. Both samples are sorted by name. When
// there is no room for all new ones, those that hold most mail back are kept.
func (h *history) follow(before, s *sample) {
	span, old := s.at.Sub(before.at), before.stats.Destinations
	var fresh []*smtpace.DestinationStats
	for i := range s.stats.Destinations {
		is := &s.stats.Destinations[i]
		for len(old) > 0 && old[0].Name < is.Name {
			old = old[1:]
		}
		was := &smtpace.DestinationStats{}
		if len(old) > 0 && old[0].Name == is.Name {
			was = &old[0]
		}
		active := is.Queued > 0 || is.InFlight > 0 || is.Tries != was.Tries || is.RefusedAt != nil && was.RefusedAt == nil
		switch t := h.tracks[is.Name]; {
		case t != nil:
			h.destination(t, s.at, span, active, was, is)
		case active:
			fresh = append(fresh, is)
		}
	}
	if len(fresh) > mostTracks-len(h.tracks) {
		h.makeRoom(s.at, len(fresh))
		slices.SortFunc(fresh, func(a, b *smtpace.DestinationStats) int { return cmp.Compare(b.Queued, a.Queued) })
	}
	for _, is := range fresh[:min(len(fresh), mostTracks-len(h.tracks))] {
		t := &track{}
		h.tracks[is.Name] = t
		was := &smtpace.DestinationStats{Counts: is.Counts} // nothing is known of the time before
		h.destination(t, s.at, span, true, was, is)
	}
}

// makeRoom drops so many tracks of destinations that had no mail for a while.
func (h *history) makeRoom(now time.Time, n int) {
	for name, t := range h.tracks {
		if n > 0 && now.Sub(t.active) > 2*idleEvery {
			delete(h.tracks, name)
			n--
		}
	}
}

// destination takes in one destination.
func (h *history) destination(t *track, now time.Time, span time.Duration, active bool, was, is *smtpace.DestinationStats) {
	if active {
		t.active = now
	}
	t.add(now, slotOf(span, &was.Counts, &is.Counts, is.Queued, is.Concurrency, is.MessageRate))
	if l, ok := taught("destination", is.Name, &was.Pace, &is.Pace); ok {
		t.lessons = appendLesson(t.lessons, l, mostLessonsOfOne)
		h.lessons = appendLesson(h.lessons, l, mostLessons)
	}
}

// relays notes what the relays have taught.
func (h *history) relays(before, s *sample) {
	known := map[string]*smtpace.RelayStats{}
	for i := range before.stats.Relays {
		known[before.stats.Relays[i].Name] = &before.stats.Relays[i]
	}
	for i := range s.stats.Relays {
		is := &s.stats.Relays[i]
		was := known[is.Name]
		if was == nil {
			was = &smtpace.RelayStats{}
		}
		if l, ok := taught("relay", is.Name, &was.Pace, &is.Pace); ok {
			h.lessons = appendLesson(h.lessons, l, mostLessons)
		}
	}
}

// taught returns the lesson that was learned between two samples.
func taught(scope, name string, was, is *throttle.Pace) (l lesson, ok bool) {
	if is.RefusedAt == nil || was.RefusedAt != nil && was.RefusedAt.Equal(*is.RefusedAt) {
		return l, false
	}
	return lesson{At: *is.RefusedAt, Scope: scope, Name: name, Reply: is.LastRefusal, From: *was, To: *is}, true
}

// appendLesson appends a lesson to a list of so many at most, sorted by time.
func appendLesson(list []lesson, l lesson, most int) []lesson {
	if len(list) == most && l.At.Before(list[0].At) {
		return list
	}
	list = append(list, l)
	slices.SortStableFunc(list, func(a, b lesson) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	if len(list) > most {
		list = slices.Delete(list, 0, len(list)-most)
	}
	return list
}

// slotOf returns what happened between two samples.
func slotOf(span time.Duration, was, is *smtpace.Counts, queued, concurrency int, rate string) slot {
	return slot{
		span: float32(max(span, time.Millisecond).Seconds()),
		sent: float32(max(is.Delivered-was.Delivered, 0)), refused: float32(max(refusals(is)-refusals(was), 0)),
		queued: float32(queued), concurrency: float32(concurrency), learned: float32(perSecond(rate)),
	}
}

// refusals returns the number of recipients that were refused or put off.
func refusals(c *smtpace.Counts) (n int64) {
	for _, m := range c.Deferred {
		n += m
	}
	return n + c.Refused
}

// perSecond reads a rate as throttle.Pace gives it, "4.5/s"; 0 when there is none.
func perSecond(rate string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSuffix(rate, "/s"), 64)
	if err != nil {
		return 0
	}
	return n
}
