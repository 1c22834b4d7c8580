package throttle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Overflow says under which condition a worse level of a Path serves. The zero
// value is OverflowDown.
type Overflow uint8

// The ways to use a worse level.
const (
	// OverflowDown uses a worse level only while every endpoint of every better
	// one rests, as the hosts of an MX demand (RFC 5321 5.1).
	OverflowDown Overflow = iota
	// OverflowFull uses it also while no better one has a token or a place for
	// the message, as one may with relays.
	OverflowFull
)

// Hop is one endpoint of a level. The endpoints of a level share its mail in
// proportion to their Weights, as far as they have connections for it; 0 means
// 1.
type Hop struct {
	Endpoint string
	Weight   int
}

// Path is the endpoints that may carry a job, in levels, the best first. It is
// immutable and may be shared.
type Path struct {
	levels   [][]Hop
	overflow Overflow
	key      string
}

// Through returns the Path that prefers the endpoints in that order: each is a
// level of its own.
func Through(endpoints ...string) *Path {
	levels := make([][]Hop, 0, len(endpoints))
	for i, name := range endpoints {
		if !slices.Contains(endpoints[:i], name) {
			levels = append(levels, []Hop{{Endpoint: name}})
		}
	}
	p, err := NewPath(OverflowDown, levels...)
	if err != nil {
		panic(err) // there are no endpoints
	}
	return p
}

// NewPath returns a Path. It reports a Path without endpoints, a level without
// any, an endpoint that is named twice, and a negative weight.
func NewPath(overflow Overflow, levels ...[]Hop) (*Path, error) {
	p := &Path{overflow: overflow}
	seen := map[string]bool{}
	key := []string{strconv.Itoa(int(overflow))}
	if len(levels) == 0 {
		return nil, errors.New("throttle: a path without endpoints")
	}
	for i, level := range levels {
		if len(level) == 0 {
			return nil, fmt.Errorf("throttle: level %d of a path has no endpoints", i)
		}
		key = append(key, "")
		for _, hop := range level {
			if seen[hop.Endpoint] {
				return nil, fmt.Errorf("throttle: a path names the endpoint %q twice", hop.Endpoint)
			}
			if hop.Weight < 0 {
				return nil, fmt.Errorf("throttle: endpoint %q of a path has the weight %d: want a number from 1, or 0 for 1", hop.Endpoint, hop.Weight)
			}
			seen[hop.Endpoint] = true
			hop.Weight = cmp.Or(hop.Weight, 1)
			key = append(key, hop.Endpoint+" "+strconv.Itoa(hop.Weight))
		}
		p.levels = append(p.levels, slices.Clone(level))
	}
	p.key = strings.Join(key, "\x00")
	return p, nil
}

// without returns the Path that is left without some endpoints; nil when none is
// left.
func (p *Path) without(gone func(endpoint string) bool) *Path {
	var levels [][]Hop
	for _, level := range p.levels {
		if left := slices.DeleteFunc(slices.Clone(level), func(h Hop) bool { return gone(h.Endpoint) }); len(left) > 0 {
			levels = append(levels, left)
		}
	}
	if len(levels) == 0 {
		return nil
	}
	left, err := NewPath(p.overflow, levels...)
	if err != nil {
		panic(err) // it names the endpoints of a Path
	}
	return left
}

// Key returns a text that is the same for paths of the same contents.
func (p *Path) Key() string { return p.key }

// path holds the flows that go through the same endpoints in the same order of
// preference.
type path[T any] struct {
	of         *Path
	sender     string // the sender whose mail alone it is for; "" for those that are not kept apart
	suspect    bool   // whether it is for destinations that its endpoint suspects
	from       string // the first sender of its mail
	mixed      bool   // whether it has had mail of others too
	levels     [][]*hop[T]
	endpoints  []*endpoint[T] // of all levels, the best first
	rings      [lanes][kinds]ring[T]
	lastSeq    uint64 // the last sequence number of a ring node
	singles    int    // turns in a row of the Single lane
	waiting    timeHeap[*flow[T]]
	members    int        // flows
	queued     int        // items of all flows
	mayGo      readyCount // the items that may go now, as far as destinations are concerned
	spareNodes *ringNodes[T]
	spareCount int
}

// pick returns the flow that goes next, and its lane; nil when there is none.
// room holds the lanes in which untried items may go.
func (p *path[T]) pick(room laneSet) (*flow[T], Lane) {
	lane, other := Single, Bulk
	if p.singles >= singleTurns {
		lane, other = Bulk, Single
	}
	if f := p.first(lane, room.has(lane)); f != nil {
		return f, lane
	}
	return p.first(other, room.has(other)), other
}

// first returns the flow that has waited longest in a lane; nil when there is
// none.
func (p *path[T]) first(lane Lane, room bool) *flow[T] {
	old, young := p.rings[lane][tried].head, p.rings[lane][untried].head
	switch {
	case !room || young == nil:
		return old
	case old == nil || young.nodes.at[lane][untried].seq < old.nodes.at[lane][tried].seq:
		return young
	}
	return old
}

// rotate puts a flow at the end of a lane from which an item of it has gone.
func (p *path[T]) rotate(f *flow[T], lane Lane) {
	if lane == Single {
		p.singles++
	} else {
		p.singles = 0
	}
	p.lastSeq++
	for kind := range kinds {
		if f.inRing(lane, kind) {
			p.rings[lane][kind].toEnd(f, lane, kind, p.lastSeq)
		}
	}
}

// ready returns the number of items that may go now.
func (p *path[T]) ready(room laneSet) int {
	n := p.mayGo.tried
	if room.has(Single) {
		n += p.mayGo.single
	}
	if room.has(Bulk) {
		n += p.mayGo.bulk
	}
	return int(n)
}

// soonest returns the time at which the first of the waiting flows is
// rescheduled; zero when none waits.
func (p *path[T]) soonest() time.Time {
	if f, ok := p.waiting.first(); ok {
		return f.until
	}
	return time.Time{}
}
