package throttle

import (
	"math"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// sharedWithin is the time within which sharedCount destinations behind one
	// endpoint must refuse for the same limit.
	sharedWithin = time.Minute
	sharedCount  = 3
	// quotaCount is that number for quotas, of tries that began after the first
	// refusal: to suspend an endpoint in vain costs an hour of all its mail.
	quotaCount = 8
	// mostShared is the number of refusals that are looked at.
	mostShared = 12
	// leastAccepted is the number of messages that tell how the mail is divided.
	leastAccepted = 50
	// coincidence is the probability below which refusals by always the same
	// destinations are no coincidence.
	coincidence = 0.005
	// doubtful is the probability below which they are doubted to be one.
	doubtful = 0.03
	// mostAlike is the number of destinations refused alike from which on they are
	// surely not all limited for themselves.
	mostAlike = 64
	// mostOwn is the number of destinations known to have limits of their own, and
	// ownLife the time for which this is known.
	mostOwn = 256
	ownLife = time.Hour
)

// sharedRefusals tells a limit of the endpoint from those of destinations, when
// it shows at RCPT or later. A limit of the endpoint refuses all destinations
// behind it alike, each as often as it has mail. The zero value has seen nothing.
type sharedRefusals struct {
	last   []refusedFor                 // the latest refusals, the newest first
	began  time.Time                    // the first refusal of those that were less than a minute apart
	served []string                     // destinations that were accepted since then
	by     map[classify.Limit]*allAlike // limits that are those of the endpoint
	own    map[string]time.Time         // destinations that were shown to have limits of their own
}

// refusedFor is one refusal.
type refusedFor struct {
	destination string
	limit       classify.Limit
	at          time.Time
	later       bool // whether the try began after the first refusal
}

// allAlike is the hypothesis that a limit is the endpoint's. If it is true,
// refusals come from the destinations that were refused so far no more often
// than is their part of the mail.
type allAlike struct {
	last     time.Time // the time of the last refusal that counts; tries begun before tell nothing
	theirs   []string  // the destinations that were refused so far
	run      int       // the number of refusals since the last of another destination
	accepted float64   // the messages accepted since then
	part     float64   // the part of these that went to the destinations refused
	doubted  bool      // whether the refusals since then are seldom a coincidence
	alone    string    // the destination that was refused last
	lonely   int       // the number of its refusals in a row, while no other had mail accepted
}

// refused notes a refusal of a try that began at a time. It reports whether it
// is for a limit of the endpoint, and whether a limit that was taken for the
// endpoint's has turned out to be not. Three different destinations within a
// minute mean a limit of the endpoint. Three refusals by one destination while no
// other was accepted, or too many by a part of them, mean their own.
func (s *sharedRefusals) refused(now, begun time.Time, destination string, l classify.Limit) (shared, gaveBack bool) {
	if int(l) >= classify.Limits {
		return false, false
	}
	s.note(now, begun, destination, l)
	if a := s.by[l]; a != nil {
		if begun.Before(a.last) || !a.refusedBy(now, destination) {
			return !a.doubted, false
		}
		s.giveBack(now, l)
		return false, true
	}
	names := s.different(now, l)
	if len(names) < sharedCount || l == classify.LimitQuota && !s.allSuspended(names) {
		return false, false
	}
	if s.by == nil {
		s.by = map[classify.Limit]*allAlike{}
	}
	s.by[l] = &allAlike{last: now, theirs: names, alone: destination, lonely: 1}
	return true, false
}

// doubts reports whether a limit is taken for the endpoint's although refusals speak
// against it. Then they teach the destinations too, and the endpoint sends faster: if
// the limit is its own, others are refused soon.
func (s *sharedRefusals) doubts(l classify.Limit) bool { return s.by[l] != nil && s.by[l].doubted }

// is reports whether a limit is taken for the endpoint's.
func (s *sharedRefusals) is(l classify.Limit) bool { return s.by[l] != nil }

// note keeps a refusal.
func (s *sharedRefusals) note(now, begun time.Time, destination string, l classify.Limit) {
	if len(s.last) == 0 || now.Sub(s.last[0].at) > sharedWithin {
		s.began, s.served = now, s.served[:0]
	}
	if len(s.last) == mostShared {
		s.last = s.last[:mostShared-1]
	}
	s.last = slices.Insert(s.last, 0, refusedFor{destination, l, now, begun.After(s.began)})
}

// allSuspended reports whether a quota is the endpoint's: enough destinations
// were refused one after the other, and hardly one was accepted meanwhile.
func (s *sharedRefusals) allSuspended(names []string) bool {
	n := 0
	for _, r := range s.last {
		if r.limit == classify.LimitQuota && r.later && !r.at.Before(s.began) && slices.Contains(names, r.destination) {
			n++
		}
	}
	return n >= quotaCount && len(s.served) <= n/2
}

// different returns the destinations refused for a limit within the last minute, without
// those known to have limits of their own.
func (s *sharedRefusals) different(now time.Time, l classify.Limit) (names []string) {
	for _, r := range s.last {
		since, own := s.own[r.destination]
		own = own && now.Sub(since) <= ownLife
		if r.limit == l && now.Sub(r.at) <= sharedWithin && !own && !slices.Contains(names, r.destination) {
			names = append(names, r.destination)
		}
	}
	return names
}

// giveBack notes that a limit belongs to the refused destinations.
func (s *sharedRefusals) giveBack(now time.Time, l classify.Limit) {
	if s.own == nil || len(s.own) >= mostOwn {
		s.own = map[string]time.Time{}
	}
	for _, name := range s.by[l].theirs {
		s.own[name] = now
	}
	delete(s.by, l)
}

// accepted notes that a destination has accepted a message of a try begun at a time.
func (s *sharedRefusals) accepted(begun time.Time, destination string) {
	if len(s.by)+len(s.last) == 0 { // to range over a map costs something even then
		return
	}
	for _, a := range s.by {
		a.accepted++
		if a.alone != destination {
			a.lonely = 0
		}
		if len(a.theirs) < mostAlike && slices.Contains(a.theirs, destination) {
			a.part++
		}
	}
	if len(s.last) > 0 && len(s.served) < mostShared && begun.After(s.began) && !slices.Contains(s.served, destination) {
		s.served = append(s.served, destination)
	}
}

// refusedBy notes a refusal, and reports whether the hypothesis is unlikely.
func (a *allAlike) refusedBy(now time.Time, destination string) bool {
	a.last = now
	if a.alone != destination {
		a.alone, a.lonely = destination, 0
	}
	if a.lonely++; a.lonely >= sharedCount {
		return true
	}
	if len(a.theirs) >= mostAlike {
		return false
	}
	if !slices.Contains(a.theirs, destination) {
		a.theirs = append(a.theirs, destination)
		a.run, a.accepted, a.part, a.doubted = 0, 0, 0, false
		return false
	}
	a.run++
	if a.accepted < leastAccepted {
		return false
	}
	p := math.Pow((a.part+1)/(a.accepted+1), float64(a.run))
	a.doubted = p < doubtful
	return p < coincidence
}

// others returns the destinations of the refusals before the latest one, of
// another destination. Those were for a limit that turned out to be the
// endpoint's.
func (s *sharedRefusals) others(than string) (names []string) {
	for _, r := range s.last {
		if r.destination != than && !slices.Contains(names, r.destination) {
			names = append(names, r.destination)
		}
	}
	return names
}
