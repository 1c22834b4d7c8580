package throttle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// LearnedLimit is a limit that was found from refusals, as a snapshot keeps it.
type LearnedLimit struct {
	Scope    Scope
	Key      string    // the key of the limit in the text of Limits: "connections", "rate"
	Value    string    // "4", or a rate such as "12.5/s"
	Evidence string    // the reply, or the pattern of refusals; "" when it is not known
	At       time.Time // the time of the last lesson; zero when it is not known
}

// LearnedLimits returns the limits of endpoints and destinations in a snapshot that
// still hold at a time, by scope. The error is that of [Scheduler.Restore].
func LearnedLimits(now time.Time, text []byte) ([]LearnedLimit, error) {
	var snap snapshot
	if err := json.Unmarshal(text, &snap); err != nil {
		return nil, fmt.Errorf("throttle: snapshot: %w", err)
	}
	if err := snap.validate(now, mostRestored); err != nil {
		return nil, fmt.Errorf("throttle: snapshot: %w", err)
	}
	var found []LearnedLimit
	for kind, records := range map[ScopeKind]map[string]scopeRecord{ScopeEndpoint: snap.Endpoints, ScopeDestination: snap.Destinations} {
		aged := map[string]scopeRecord{}
		held := restoredRecords{records: records, taken: snap.Taken}
		held.each(&sync.Mutex{}, now, aged)
		for name, r := range aged {
			found = append(found, r.limits(now, Scope{Kind: kind, Name: name})...)
		}
	}
	slices.SortFunc(found, func(a, b LearnedLimit) int {
		return cmp.Or(cmp.Compare(a.Scope.Kind, b.Scope.Kind), cmp.Compare(a.Scope.Name, b.Scope.Name), cmp.Compare(a.Key, b.Key))
	})
	return found, nil
}

// limits returns what a record says about the limits of its scope.
func (r scopeRecord) limits(now time.Time, of Scope) (found []LearnedLimit) {
	base := LearnedLimit{Scope: of}
	if r.Lessons != nil {
		base.Evidence, base.At = r.Lessons.Evidence, now.Add(-duration(r.Lessons.Age))
	}
	add := func(key, value string) {
		one := base
		one.Key, one.Value = key, value
		found = append(found, one)
	}
	for name, m := range r.Meters {
		if key, learned := strings.CutPrefix(name, "learned "); learned && m.Rate != nil {
			add(key, rateText(m.Rate.Level))
		}
	}
	if r.Lessons == nil {
		return found
	}
	for key, n := range map[string]int{
		"connections": r.Lessons.Connections - 1, "per-connection": r.Lessons.PerConnection, "per-message": r.Lessons.PerMessage,
	} {
		if n > 0 {
			add(key, strconv.Itoa(n))
		}
	}
	return found
}
