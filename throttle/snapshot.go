package throttle

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// snapshotVersion is the version of the JSON text of a snapshot. A text of
// another version is refused: a misread lesson is worse than one that is
// learned again.
const snapshotVersion = 2

// Bounds of a snapshot. A scope with everything in it takes a few
// KiB, most of that its quota.
const (
	mostRestored  = 2_000_000 // scopes
	longestName   = 1024
	largestNumber = 1e12
)

// snapshot is the JSON text: what was learned, and what was used of limits over
// time. Times in it are ages in seconds, so that it means the same in every
// time zone and to every clock.
type snapshot struct {
	Version      int                    `json:"version"`
	Taken        time.Time              `json:"taken"`
	Process      scopeRecord            `json:"process"`
	Endpoints    map[string]scopeRecord `json:"endpoints,omitempty"`
	Destinations map[string]scopeRecord `json:"destinations,omitempty"`
	Scopes       map[string]scopeRecord `json:"scopes,omitempty"` // those that jobs name, by Scope.String
}

// scopeRecord is the part of a snapshot for one scope.
type scopeRecord struct {
	Meters  map[string]meterRecord `json:"meters,omitempty"` // by the names of their kinds
	Lessons *lessonRecord          `json:"lessons,omitempty"`
	Holder  *holderRecord          `json:"holder,omitempty"` // nil but for the lessons of a sender or the like at a receiver
}

func (r scopeRecord) empty() bool { return len(r.Meters) == 0 && r.Lessons == nil }

// Snapshot returns what the Scheduler has learned and what was used of its
// rates, quotas and warm-ups, as JSON text for Restore. It leaves out the
// queue, pauses, and the rests of endpoints.
func (s *Scheduler[T]) Snapshot(now time.Time) ([]byte, error) {
	s.mu.Lock()
	snap := snapshot{
		Version: snapshotVersion, Taken: now.UTC().Round(0), Process: s.process.record(now),
		Endpoints: map[string]scopeRecord{}, Destinations: map[string]scopeRecord{}, Scopes: map[string]scopeRecord{},
	}
	restored, restoredParents := s.restored, s.restoredParents
	s.mu.Unlock()
	// What is taken out of these meanwhile is found at its scope afterwards.
	restored.each(&s.mu, now, snap.Destinations)
	restoredParents.each(&s.mu, now, snap.Scopes)
	var records []namedRecord
	add := func(name string, r scopeRecord) {
		if !r.empty() {
			records = append(records, namedRecord{name, r})
		}
	}
	into := func(all map[string]scopeRecord) func() {
		return func() {
			for _, r := range records {
				all[r.name] = r.scopeRecord
			}
			records = records[:0]
		}
	}
	s.endpoints.eachInBatches(&s.mu, func(e *endpoint[T]) { add(e.name, e.record(now)) }, into(snap.Endpoints))
	s.dests.eachInBatches(&s.mu, func(d *destination[T]) { add(d.name, d.record(now)) }, into(snap.Destinations))
	s.parents.eachInBatches(&s.mu, func(p *parent[T]) { add(p.key, p.heldRecord(now)) }, into(snap.Scopes))
	return json.Marshal(snap)
}

// namedRecord is a record and the name or key of its scope.
type namedRecord struct {
	name string
	scopeRecord
}

// Restore takes over a snapshot, aged by the time since it was taken: buckets
// have filled up meanwhile, quotas have run out, and lessons too old are
// dropped. Call it before anything is pushed: what is already known of a
// destination or an endpoint stays.
//
// It changes nothing when it returns an error: for a text that is no snapshot
// or is of another version, and for names or numbers out of range.
func (s *Scheduler[T]) Restore(now time.Time, text []byte) error {
	var snap snapshot
	if err := json.Unmarshal(text, &snap); err != nil {
		return fmt.Errorf("throttle: snapshot: %w", err)
	}
	if err := snap.validate(now, mostRestored); err != nil {
		return fmt.Errorf("throttle: snapshot: %w", err)
	}
	s.restore(now, &snap, max(now.Sub(snap.Taken), 0))
	return nil
}

// restore takes over a valid snapshot of some age.
func (s *Scheduler[T]) restore(now time.Time, snap *snapshot, age time.Duration) {
	s.mu.Lock()
	s.process.restore(now, snap.Process, age, s.generation.Load())
	s.restored = restoredRecords{records: snap.Destinations, taken: now.Add(-age)}
	s.restoredParents = restoredRecords{records: snap.Scopes, taken: now.Add(-age)}
	s.mu.Unlock()
	mapInBatches(&s.mu, snap.Endpoints, func(name string, r scopeRecord) {
		e := s.endpointLocked(name)
		s.unusedEndpointLocked(now, e)
		e.restore(now, r, age, s.generation.Load())
		e.first = min(e.concurrency, mostAtFirst)
	}, func() {})
	s.dests.eachInBatches(&s.mu, func(d *destination[T]) {
		if s.restored.take(now, &d.scope, d.name, s.generation.Load()) {
			s.rescheduleLocked(now, d)
		}
	}, func() {})
	s.parents.eachInBatches(&s.mu, func(p *parent[T]) {
		if s.restoredParents.take(now, &p.scope, p.key, s.generation.Load()) {
			s.offerLocked(p)
		}
	}, func() {})
	s.restoreHolders(now, snap)
}

// validate returns what is wrong with a snapshot, which may have so many scopes.
func (snap *snapshot) validate(now time.Time, most int) error {
	switch {
	case snap.Version != snapshotVersion:
		return fmt.Errorf("it has version %d, want %d", snap.Version, snapshotVersion)
	case snap.Taken.IsZero():
		return errors.New(`"taken" is missing: want the time of the snapshot`)
	case snap.Taken.Sub(now) > day:
		return fmt.Errorf("it was taken at %v, in the future", snap.Taken)
	case len(snap.Endpoints)+len(snap.Destinations)+len(snap.Scopes) > most:
		return fmt.Errorf("it has %d scopes, want %d at most", len(snap.Endpoints)+len(snap.Destinations)+len(snap.Scopes), most)
	}
	if err := snap.Process.validate(); err != nil {
		return fmt.Errorf("process: %w", err)
	}
	for kind, records := range map[string]map[string]scopeRecord{"endpoint": snap.Endpoints, "destination": snap.Destinations, "scope": snap.Scopes} {
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
	if err := r.Holder.validate(); err != nil {
		return err
	}
	if r.Lessons != nil {
		return r.Lessons.validate()
	}
	return nil
}

// positive reports a number that is negative or out of range.
func positive(what string, numbers ...float64) error {
	for _, n := range numbers {
		if !(n >= 0 && n <= largestNumber) {
			return fmt.Errorf("%s: %v is out of range, want a number from 0", what, n)
		}
	}
	return nil
}

// seconds returns an age as a number.
func seconds(d time.Duration) float64 { return max(d, 0).Seconds() }

// duration returns the age of a number.
func duration(s float64) time.Duration { return time.Duration(min(s, 1e9) * float64(time.Second)) }

// restoredRecords are the records of unused destinations or scopes, by name or
// key: since Restore nothing was sent to them, and no job has named them. The
// zero value is empty.
type restoredRecords struct {
	records map[string]scopeRecord
	taken   time.Time
}

// each puts every record, aged until now, into all. The lock guards the records,
// and is held for a batch of them at a time.
func (h *restoredRecords) each(mu sync.Locker, now time.Time, all map[string]scopeRecord) {
	records := make([]namedRecord, 0, batch)
	mapInBatches(mu, h.records, func(name string, r scopeRecord) {
		records = append(records, namedRecord{name, r})
	}, func() {
		for _, r := range records {
			if older := r.aged(now, r.name, now.Sub(h.taken)); !older.empty() {
				all[r.name] = older
			}
		}
		records = records[:0]
	})
}

// aged returns r as it is a time later.
func (r scopeRecord) aged(now time.Time, name string, by time.Duration) scopeRecord {
	sc := newScope(ScopeDestination, name, &Limits{})
	sc.restoreLessons(now, r, by, 0)
	older := sc.record(now)
	if older.Lessons != nil {
		older.Holder = r.Holder
	}
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

// warm restores the meter of a warm-up.
func (h *restoredRecords) warm(now time.Time, name string, w *warmUpMeter) {
	if r, ok := h.records[name]; ok {
		w.restore(now, r.Meters[warmUpKind.name], now.Sub(h.taken))
	}
}

// take restores the record of a scope, and reports whether there is one.
func (h *restoredRecords) take(now time.Time, sc *scope, key string, generation int32) bool {
	r, ok := h.records[key]
	if !ok {
		return false
	}
	sc.restore(now, r, now.Sub(h.taken), generation)
	delete(h.records, key)
	if len(h.records) == 0 {
		*h = restoredRecords{}
	}
	return true
}
