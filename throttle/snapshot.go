package throttle

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// snapshotVersion is that of the JSON text of a snapshot. A text of another is
// refused: a lesson that is misread is worse than one that is learned again.
const snapshotVersion = 2

// What a snapshot may have at most. A scope with everything in it takes a few
// KiB, most of that its quota.
const (
	mostRestored  = 2_000_000 // destinations and endpoints
	longestName   = 1024
	largestNumber = 1e12
)

// snapshot is the JSON text: what was learned, and what has been used of limits
// over time. Times are in it as ages, in seconds, so that it says the same in
// whichever zone and to whichever clock.
type snapshot struct {
	Version      int                    `json:"version"`
	Taken        time.Time              `json:"taken"`
	Process      scopeRecord            `json:"process"`
	Endpoints    map[string]scopeRecord `json:"endpoints,omitempty"`
	Destinations map[string]scopeRecord `json:"destinations,omitempty"`
}

// scopeRecord is a scope.
type scopeRecord struct {
	Meters  map[string]meterRecord `json:"meters,omitempty"` // by the names of their kinds
	Lessons *lessonRecord          `json:"lessons,omitempty"`
}

func (r scopeRecord) empty() bool { return len(r.Meters) == 0 && r.Lessons == nil }

// Snapshot returns what the Scheduler has learned and what has been used of its
// rates, quotas and warm-ups, as JSON text, for Restore of another. What is
// queued is not part of it, nor are pauses and what cannot be reached.
func (s *Scheduler[T]) Snapshot(now time.Time) ([]byte, error) {
	s.mu.Lock()
	snap := snapshot{
		Version: snapshotVersion, Taken: now.UTC().Round(0), Process: s.process.record(now),
		Endpoints: map[string]scopeRecord{}, Destinations: map[string]scopeRecord{},
	}
	s.endpoints.each(func(e *endpoint[T]) bool {
		if r := e.record(now); !r.empty() {
			snap.Endpoints[e.name] = r
		}
		return true
	})
	s.restored.each(now, func(name string, r scopeRecord) { snap.Destinations[name] = r })
	s.dests.each(func(d *destination[T]) bool {
		if r := d.record(now); !r.empty() {
			snap.Destinations[d.name] = r
		}
		return true
	})
	s.mu.Unlock()
	return json.Marshal(snap)
}

// Restore takes over what a snapshot says, aged by the time that has passed
// since it was taken: buckets have filled up meanwhile, quotas have run out,
// lessons that are too old are dropped. Call it before anything is pushed: what
// is known of a destination or an endpoint already stays.
//
// It changes nothing when it returns an error: for a text that is no snapshot,
// or one of another version, or one with names or numbers that cannot be.
func (s *Scheduler[T]) Restore(now time.Time, text []byte) error {
	var snap snapshot
	if err := json.Unmarshal(text, &snap); err != nil {
		return fmt.Errorf("throttle: snapshot: %w", err)
	}
	if err := snap.validate(now); err != nil {
		return fmt.Errorf("throttle: snapshot: %w", err)
	}
	passed := max(now.Sub(snap.Taken), 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process.restore(now, snap.Process, passed, s.generation)
	for name, r := range snap.Endpoints {
		e := s.endpointLocked(name)
		s.unusedEndpointLocked(now, e)
		e.restore(now, r, passed, s.generation)
	}
	for name, r := range snap.Destinations {
		if d, ok := s.dests.get(name); ok {
			d.restore(now, r, passed, s.generation)
			s.rescheduleLocked(now, d)
			delete(snap.Destinations, name)
		}
	}
	s.restored = restoredRecords{records: snap.Destinations, taken: now.Add(-passed)}
	return nil
}

func (snap *snapshot) validate(now time.Time) error {
	switch {
	case snap.Version != snapshotVersion:
		return fmt.Errorf("it has version %d, want %d", snap.Version, snapshotVersion)
	case snap.Taken.IsZero():
		return errors.New(`"taken" is missing: want the time of the snapshot`)
	case snap.Taken.Sub(now) > day:
		return fmt.Errorf("it was taken at %v, in the future", snap.Taken)
	case len(snap.Endpoints)+len(snap.Destinations) > mostRestored:
		return fmt.Errorf("it has %d endpoints and destinations, want %d at most", len(snap.Endpoints)+len(snap.Destinations), mostRestored)
	}
	if err := snap.Process.validate(); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	for kind, records := range map[string]map[string]scopeRecord{"endpoint": snap.Endpoints, "destination": snap.Destinations} {
		for name, r := range records {
			if name == "" || len(name) > longestName {
				return fmt.Errorf("%s: a name has %d bytes, want 1 to %d", kind, len(name), longestName)
			}
			if err := r.validate(); err != nil {
				return fmt.Errorf("%s %q: %w", kind, name, err)
			}
		}
	}
	return nil
}

func (r scopeRecord) validate() error {
	for name, m := range r.Meters {
		if err := m.validate(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.Lessons != nil {
		return r.Lessons.validate()
	}
	return nil
}

// positive reports a number that is negative or absurd.
func positive(what string, numbers ...float64) error {
	for _, n := range numbers {
		if !(n >= 0 && n <= largestNumber) {
			return fmt.Errorf("%s: %v is out of range, want a number from 0", what, n)
		}
	}
	return nil
}

// seconds and duration turn ages to numbers and back.
func seconds(d time.Duration) float64  { return max(d, 0).Seconds() }
func duration(s float64) time.Duration { return time.Duration(min(s, 1e9) * float64(time.Second)) }

// shelf is restored destinations, until something is sent to them. The zero
// shelf is empty.
type restoredRecords struct {
	records map[string]scopeRecord
	taken   time.Time
}

// each calls f for every record, as it would be if it had been taken now.
func (h *restoredRecords) each(now time.Time, f func(string, scopeRecord)) {
	if len(h.records) == 0 {
		return
	}
	for name, r := range h.records {
		if older := r.aged(now, name, now.Sub(h.taken)); !older.empty() {
			f(name, older)
		}
	}
}

// aged returns r as it would be if it had been taken a while later.
func (r scopeRecord) aged(now time.Time, name string, by time.Duration) scopeRecord {
	sc := newScope(ScopeDestination, name, &Limits{})
	sc.restoreLessons(now, r, by, 0)
	older := sc.record(now)
	for kind, m := range r.Meters {
		if m.Rate == nil {
			if older.Meters == nil {
				older.Meters = map[string]meterRecord{}
			}
			older.Meters[kind] = m.aged(by)
		}
	}
	return older
}

func (h *restoredRecords) forget(name string) {
	if r, ok := h.records[name]; ok {
		r.Lessons = nil
		h.records[name] = r
	}
}

// warm fills in what was sent in a warm-up.
func (h *restoredRecords) warm(now time.Time, name string, w *warmUpMeter) {
	if r, ok := h.records[name]; ok {
		w.restore(now, r.Meters[warmUpKind.name], now.Sub(h.taken))
	}
}

// unshelveLocked fills in what was restored of a destination that is made.
func (s *Scheduler[T]) takeRestoredLocked(now time.Time, sc *scope) {
	r, ok := s.restored.records[sc.name]
	if !ok {
		return
	}
	sc.restore(now, r, now.Sub(s.restored.taken), s.generation)
	delete(s.restored.records, sc.name)
	if len(s.restored.records) == 0 {
		s.restored = restoredRecords{}
	}
}
