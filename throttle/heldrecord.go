package throttle

import (
	"fmt"
	"slices"
	"time"
)

// holderRecord names the holder and the receiver of the lessons in a record.
type holderRecord struct {
	At   string `json:"at"` // "endpoint" or "destination"
	Of   string `json:"of"` // its name
	Kind string `json:"kind"`
	Name string `json:"name"`
}

// kind returns the kind of the holder, and false for none that has lessons.
func (r *holderRecord) kind() (ScopeKind, bool) {
	i := slices.IndexFunc(holderKinds[:], func(k ScopeKind) bool { return k.String() == r.Kind })
	if i < 0 {
		return 0, false
	}
	return holderKinds[i], true
}

func (r *holderRecord) validate() error {
	if r == nil {
		return nil
	}
	if _, known := r.kind(); !known {
		return fmt.Errorf("its holder is a %q: want a sender domain, tenant, sender or source", r.Kind)
	}
	if r.At != ScopeEndpoint.String() && r.At != ScopeDestination.String() {
		return fmt.Errorf("its receiver is a %q: want an endpoint or destination", r.At)
	}
	if len(r.Of) > longestName || len(r.Name) > longestName {
		return fmt.Errorf("its holder or receiver has a name of more than %d bytes", longestName)
	}
	return nil
}

// heldRecord returns the record of a parent, with the holder whose lessons it has.
func (p *parent[T]) heldRecord(now time.Time) scopeRecord {
	r := p.record(now)
	if k := p.holds; k.at != nil && r.Lessons != nil {
		r.Holder = &holderRecord{At: k.at.kind.String(), Of: k.at.name, Kind: k.kind.String(), Name: k.name}
	}
	return r
}

// restoreHolders makes the parents that have restored lessons at endpoints. Those at
// destinations are made with these.
func (s *Scheduler[T]) restoreHolders(now time.Time, snap *snapshot) {
	mapInBatches(&s.mu, snap.Scopes, func(_ string, r scopeRecord) {
		switch h := r.Holder; {
		case h == nil:
		case h.At == ScopeEndpoint.String():
			e := s.endpointLocked(h.Of)
			s.unusedEndpointLocked(now, e)
			s.restoreHolderLocked(now, &e.scope, h)
		default:
			if d, ok := s.dests.get(h.Of); ok {
				s.restoreHolderLocked(now, &d.scope, h)
				return
			}
			if s.restoredHolders == nil {
				s.restoredHolders = map[string][]holderRecord{}
			}
			s.restoredHolders[h.Of] = append(s.restoredHolders[h.Of], *h)
		}
	}, func() {})
}

// restoreHolderLocked makes the parent of a restored record.
func (s *Scheduler[T]) restoreHolderLocked(now time.Time, at *scope, h *holderRecord) {
	kind, _ := h.kind()
	p := s.holderLocked(now, at, kind, h.Name)
	if p == nil {
		return
	}
	s.restoredParents.take(now, &p.scope, p.key, s.generation.Load())
	s.offerLocked(p)
}

// takeHoldersLocked makes the parents of restored records at a destination.
func (s *Scheduler[T]) takeHoldersLocked(now time.Time, d *destination[T]) {
	if len(s.restoredHolders) == 0 {
		return
	}
	for _, h := range s.restoredHolders[d.name] {
		s.restoreHolderLocked(now, &d.scope, &h)
	}
	delete(s.restoredHolders, d.name)
}
