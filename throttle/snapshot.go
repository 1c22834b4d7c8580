package throttle

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// snapshotVersion is that of the JSON text of a snapshot. A text of another is
// refused: a lesson that is misread is worse than one that is learned again.
const snapshotVersion = 1

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
	Used    *usedRecord   `json:"used,omitempty"`
	Warm    *warmRecord   `json:"warm_up,omitempty"`
	Lessons *lessonRecord `json:"lessons,omitempty"`
}

func (r scopeRecord) empty() bool { return r == scopeRecord{} }

// usedRecord is what the buckets of a scope lack to be full, and its quota.
type usedRecord struct {
	Messages   float64      `json:"messages,omitempty"`
	Recipients float64      `json:"recipients,omitempty"`
	Openings   float64      `json:"connections,omitempty"`
	Quota      []slotRecord `json:"quota,omitempty"` // the oldest first
}

// slotRecord is N events of that age.
type slotRecord struct {
	Age float64 `json:"age"`
	N   int     `json:"n"`
}

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
	s.shelf.each(now, func(name string, r scopeRecord) { snap.Destinations[name] = r })
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
	s.process.restore(now, snap.Process, passed)
	for name, r := range snap.Endpoints {
		e := s.endpointLocked(name)
		s.spareLocked(e, now)
		e.restore(now, r, passed)
	}
	for name, r := range snap.Destinations {
		if d, ok := s.dests.get(name); ok {
			d.restore(now, r, passed)
			s.placeLocked(d, now)
			delete(snap.Destinations, name)
		}
	}
	s.shelf = shelf{records: snap.Destinations, taken: now.Add(-passed)}
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
	if u := r.Used; u != nil {
		if err := positive("used", u.Messages, u.Recipients, u.Openings); err != nil {
			return err
		}
		if len(u.Quota) > 2*maxSlots {
			return fmt.Errorf("quota has %d entries, want %d at most", len(u.Quota), 2*maxSlots)
		}
		for _, q := range u.Quota {
			if err := positive("quota", q.Age, float64(q.N)); err != nil {
				return err
			}
		}
	}
	if w := r.Warm; w != nil {
		if err := positive("warm_up", float64(w.Day), float64(w.Hour), float64(w.Today), float64(w.Lately)); err != nil {
			return err
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

// seconds and ago turn ages to numbers and back.
func seconds(d time.Duration) float64  { return max(d, 0).Seconds() }
func duration(s float64) time.Duration { return time.Duration(min(s, 1e9) * float64(time.Second)) }

// shelf is restored destinations, until something is sent to them. The zero
// shelf is empty.
type shelf struct {
	records map[string]scopeRecord
	taken   time.Time
}

// each calls f for every record, as it would be if it had been taken now.
func (h *shelf) each(now time.Time, f func(string, scopeRecord)) {
	if len(h.records) == 0 {
		return
	}
	for name, r := range h.records {
		sc := newScope(ofDestination, name, &Limits{})
		sc.restoreLessons(now, r.Lessons, now.Sub(h.taken))
		r.Used, r.Lessons = r.Used.aged(now.Sub(h.taken)), sc.lessonRecord(now)
		if !r.empty() {
			f(name, r)
		}
	}
}

func (h *shelf) forget(name string) {
	if r, ok := h.records[name]; ok {
		r.Lessons = nil
		h.records[name] = r
	}
}

// warm fills in what was sent in a warm-up.
func (h *shelf) warm(name string, w *warming) {
	if r, ok := h.records[name]; ok {
		w.restore(r.Warm)
	}
}

// unshelveLocked fills in what was restored of a destination that is made.
func (s *Scheduler[T]) unshelveLocked(sc *scope, now time.Time) {
	r, ok := s.shelf.records[sc.name]
	if !ok {
		return
	}
	sc.restore(now, r, now.Sub(s.shelf.taken))
	delete(s.shelf.records, sc.name)
	if len(s.shelf.records) == 0 {
		s.shelf = shelf{}
	}
}
