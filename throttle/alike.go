package throttle

import (
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// alikeWithin is within what time three destinations behind one endpoint
	// that refuse for the same limit make it that of the endpoint.
	sharedWithin = time.Minute
	sharedCount  = 3
)

// alike tells a limit of an endpoint that shows itself at RCPT or later, behind
// which the destinations are all refused alike, from that of one destination.
// The zero alike has seen nothing.
type sharedRefusals struct {
	last [sharedCount]refusedFor // the latest refusals, the newest first
	own  [classify.Limits]bool   // whether a limit is that of the endpoint
}

// likeness is a refusal.
type refusedFor struct {
	destination string
	limit       classify.Limit
	at          time.Time
}

// refused notes a refusal, and reports whether it is for a limit of the
// endpoint. That it is, three different destinations tell, one soon after the
// other; that it is not, three refusals of the same.
func (a *sharedRefusals) refused(now time.Time, destination string, l classify.Limit) bool {
	if int(l) >= classify.Limits {
		return false
	}
	copy(a.last[1:], a.last[:])
	a.last[0] = refusedFor{destination, l, now}
	different, same := true, true
	for i, r := range a.last {
		different = different && r.limit == l && now.Sub(r.at) <= sharedWithin
		same = same && r.limit == l && r.destination == destination
		for _, other := range a.last[:i] {
			different = different && r.destination != other.destination
		}
	}
	switch {
	case different:
		a.own[l] = true
	case same:
		a.own[l] = false
	}
	return a.own[l]
}

// others are the destinations whose refusals, but for the latest, were for a
// limit that turned out to be that of the endpoint.
func (a *sharedRefusals) others() []string {
	var names []string
	for _, r := range a.last[1:] {
		names = append(names, r.destination)
	}
	return names
}
