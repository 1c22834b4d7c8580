package throttle

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// fullRecord has every field of a record, all of them in range.
const fullRecord = `{"lessons":{"age":60,"limit":"message-rate","evidence":"450 4.7.1 slow down","pause":600,"connections_refused":5,
	"connections_test":900,"connections_test_gap":120,"messages_per_connection":7,"recipients_per_message":20},
	"meters":{
		"learned rate":{"rate":{"per_second":4.5,"depth":0.25,"reach":40,"at_first":12,"first_in":3,"turned":30,"confirmed":3,"confirmed_ago":60}},
		"learned recipient-rate":{"rate":{"per_second":45,"depth":0.125,"reach":80,"window":3600,"confirmed":3,"confirmed_ago":60}}}}`

// limitsRecord has what was used of limits that are set.
const limitsRecord = `{"meters":{"rate":{"used":3},"quota":{"slots":[{"age":100,"n":2},{"age":50,"n":1}]},
	"warm-up":{"warm_up":{"day":2,"hour":5,"today":40,"this_hour":4}},
	"learned byte-rate":{"rate":{"per_second":4.5,"depth":0.25,"reach":40,"unit":1000}}}}`

// snapshotOf returns a snapshot of a moment with these records.
func snapshotOf(now time.Time, parts string) string {
	return fmt.Sprintf(`{"version":%d,"taken":%q,%s}`, snapshotVersion, now.Format(time.RFC3339Nano), parts)
}

// leaves calls do for every number and text in a JSON value, with its path and a
// function that changes it.
func leaves(path string, v any, do func(path string, value any, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			switch inner.(type) {
			case map[string]any, []any:
				leaves(path+"."+name, inner, do)
			default:
				do(path+"."+name, inner, func(to any) { v[name] = to })
			}
		}
	case []any:
		for _, inner := range v {
			leaves(path, inner, do)
		}
	}
}

// Every number of a snapshot is from 0 to a bound. One that is not is refused, with the
// name of what has it, and nothing is taken over.
func TestEveryNumberOfASnapshotHasItsRange(t *testing.T) {
	numbers := 0
	for name, record := range map[string]string{"full": fullRecord, "limits": limitsRecord} {
		for _, kind := range []string{"endpoints", "destinations", "scopes", "process"} {
			var tree any
			text := `{"` + kind + `":{"some.example":` + record + `}}`
			if kind == "process" {
				text = `{"process":` + record + `}`
			}
			if err := json.Unmarshal([]byte(text), &tree); err != nil {
				t.Fatal(err)
			}
			restore := func() (*rig, error) {
				r := newRig(t, wide())
				root := tree.(map[string]any)
				root["version"], root["taken"] = snapshotVersion, r.now
				text, err := json.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				delete(root, "version")
				return r, r.s.Restore(r.now, text)
			}
			leaves("", tree, func(path string, value any, set func(any)) {
				old, ok := value.(float64)
				if !ok {
					return
				}
				numbers++
				for _, bad := range []float64{-1, 2e12} {
					set(bad)
					if r, err := restore(); err == nil || !strings.HasPrefix(err.Error(), "throttle: snapshot: ") || r.s.process.state != nil || len(r.s.restored.records) > 0 {
						t.Errorf("%s is %v: got %v, want it refused", path, bad, err)
					}
				}
				set(old)
			})
			if _, err := restore(); err != nil {
				t.Errorf("%s %s, unchanged: %v", kind, name, err)
			}
		}
	}
	if numbers < 80 {
		t.Errorf("%d numbers were tried, want all", numbers)
	}
}

// A record at its bounds is taken, and one beyond them is not.
func TestRecordsAtTheirBounds(t *testing.T) {
	rate := func(level, depth, reach float64) scopeRecord {
		return scopeRecord{Meters: map[string]meterRecord{"learned rate": {Rate: &estimateRecord{Level: level, Depth: depth, Reach: reach}}}}
	}
	slots := func(n int) scopeRecord {
		return scopeRecord{Meters: map[string]meterRecord{"quota": {Slots: make([]slotRecord, n)}}}
	}
	holder := func(at, of, kind, name string) scopeRecord {
		return scopeRecord{Holder: &holderRecord{At: at, Of: of, Kind: kind, Name: name}}
	}
	long, longer := strings.Repeat("x", longestName), strings.Repeat("x", longestName+1)
	const daily = 1.0 / (24 * 60 * 60)
	for name, test := range map[string]struct {
		r    scopeRecord
		want string // in the error; "" is none
	}{
		"nothing":                   {scopeRecord{}, ""},
		"one a day":                 {rate(daily, 0, 1), ""},
		"less than one a day":       {rate(daily/1.01, 0, 1), "from one a day"},
		"the deepest":               {rate(1, deepest, 1), ""},
		"deeper":                    {rate(1, math.Nextafter(deepest, 1), 1), "at most 0.5"},
		"back after less than 1":    {rate(1, 0, 0.99), "from 1"},
		"no number":                 {rate(math.NaN(), 0, 1), "out of range"},
		"without end":               {rate(math.Inf(1), 0, 1), "out of range"},
		"the largest number":        {rate(largestNumber, 0, 1), ""},
		"all slots":                 {slots(2 * maxSlots), ""},
		"one more":                  {slots(2*maxSlots + 1), "2001 slots"},
		"a limit":                   {scopeRecord{Lessons: &lessonRecord{Limit: "quota"}}, ""},
		"another limit":             {scopeRecord{Lessons: &lessonRecord{Limit: "patience"}}, "limit"},
		"a sender at an endpoint":   {holder("endpoint", "relay", "sender", "ann@example.com"), ""},
		"a domain at a destination": {holder("destination", long, "sender domain", long), ""},
		"a source":                  {holder("destination", "d", "source", "192.0.2.1"), ""},
		"a tenant":                  {holder("destination", "d", "tenant", ""), ""},
		"a process holds nothing":   {holder("endpoint", "relay", "process", ""), `"process"`},
		"a receiver that is none":   {holder("tenant", "x", "sender", "ann@example.com"), `"tenant"`},
		"a long receiver":           {holder("endpoint", longer, "sender", "x"), "more than 1024 bytes"},
		"a long holder":             {holder("endpoint", "relay", "sender", longer), "more than 1024 bytes"},
	} {
		if err := test.r.validate(); test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

// Records of all kinds survive a restore: recorded again at once they are the same, and
// later their ages have grown.
func TestRecordsSurviveTheirRestore(t *testing.T) {
	const holderOf = `"holder":{"at":%q,"of":%q,"kind":"sender","name":"ann@sender.example"},`
	held := func(at, of string) string {
		return strings.Replace(fullRecord, "{", "{"+fmt.Sprintf(holderOf, at, of), 1)
	}
	pair := func(at Scope) string { return PairOf(Scope{ScopeSender, "ann@sender.example"}, at).String() }
	atRelay, atDestination := pair(Scope{ScopeEndpoint, "relay"}), pair(Scope{ScopeDestination, "d"})
	for _, passed := range []time.Duration{0, time.Hour} {
		r := newRig(t, wide())
		text := snapshotOf(r.now, fmt.Sprintf(`"endpoints":{"relay":%s},"destinations":{"d":%s,"other":%s},"scopes":{%q:%s,%q:%s}`,
			fullRecord, fullRecord, fullRecord, atRelay, held("endpoint", "relay"), atDestination, held("destination", "d")))
		r.pass(passed)
		if err := r.s.Restore(r.now, []byte(text)); err != nil {
			t.Fatal(err)
		}
		r.job(Job[string]{Destination: "d", Value: "x", From: "ann@sender.example", Sender: "sender.example", Fresh: true})
		after, err := r.s.Snapshot(r.now)
		if err != nil {
			t.Fatal(err)
		}
		var want, got snapshot
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(after, &got); err != nil {
			t.Fatal(err)
		}
		for _, of := range []struct {
			name      string
			got, want scopeRecord
			ok        bool
		}{
			{"endpoint", got.Endpoints["relay"], want.Endpoints["relay"], true},
			{"destination", got.Destinations["d"], want.Destinations["d"], true},
			{"destination without mail", got.Destinations["other"], want.Destinations["other"], false},
			{"sender at the endpoint", got.Scopes[atRelay], want.Scopes[atRelay], true},
			{"sender at the destination", got.Scopes[atDestination], want.Scopes[atDestination], true},
		} {
			compareRecords(t, fmt.Sprintf("%s after %v", of.name, passed), of.got, of.want, passed)
		}
	}
}

// compareRecords compares a record with one that is older.
func compareRecords(t *testing.T, what string, got, want scopeRecord, passed time.Duration) {
	t.Helper()
	if got.Lessons == nil {
		t.Fatalf("%s: the lessons are lost", what)
	}
	if (got.Holder == nil) != (want.Holder == nil) || got.Holder != nil && *got.Holder != *want.Holder {
		t.Errorf("%s: the holder is %+v, want %+v", what, got.Holder, want.Holder)
	}
	later := passed.Seconds()
	aged, lessons := *want.Lessons, *got.Lessons
	aged.Age, aged.Pause, aged.Test = aged.Age+later, max(aged.Pause-later, 0), max(aged.Test-later, 0)
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %s is %v, want %v", what, name, got, want)
		}
	}
	near("age", lessons.Age, aged.Age)
	near("pause", lessons.Pause, aged.Pause)
	near("test", lessons.Test, aged.Test)
	lessons.Age, lessons.Pause, lessons.Test = aged.Age, aged.Pause, aged.Test
	if lessons != aged {
		t.Errorf("%s: the lessons are %+v, want %+v", what, lessons, aged)
	}
	if len(got.Meters) != len(want.Meters) {
		t.Errorf("%s: got %d meters, want %d", what, len(got.Meters), len(want.Meters))
	}
	for name, m := range want.Meters {
		kept := got.Meters[name].Rate
		if kept == nil {
			t.Errorf("%s: the %s is lost", what, name)
			continue
		}
		near(name+" turned", kept.Turn, m.Rate.Turn+map[bool]float64{true: later}[m.Rate.Turn > 0])
		near(name+" level", kept.Level, m.Rate.Level)
		near(name+" depth", kept.Depth, m.Rate.Depth)
		near(name+" reach", kept.Reach, m.Rate.Reach)
		near(name+" at first", kept.AtFirst, m.Rate.AtFirst)
		near(name+" first in", kept.FirstIn, m.Rate.FirstIn)
		if kept.Window != m.Rate.Window || kept.Confirmed != wellKnown {
			t.Errorf("%s: %s: got %+v, want %+v", what, name, kept, m.Rate)
		}
	}
}

// The restored lessons of a sender at an endpoint bind the mail of the sender alone.
func TestRestoredHolderBindsItsMail(t *testing.T) {
	for _, at := range []Scope{{ScopeEndpoint, "relay"}, {ScopeDestination, "d"}} {
		r := newRig(t, wide())
		record := fmt.Sprintf(`{"holder":{"at":%q,"of":%q,"kind":"sender","name":"ann@sender.example"},"lessons":{"age":60,"limit":"quota","pause":600}}`, at.Kind, at.Name)
		key := PairOf(Scope{ScopeSender, "ann@sender.example"}, at).String()
		if err := r.s.Restore(r.now, []byte(snapshotOf(r.now, fmt.Sprintf(`"scopes":{%q:%s}`, key, record)))); err != nil {
			t.Fatal(err)
		}
		r.job(Job[string]{Destination: "d", Value: "hers", From: "ann@sender.example", Sender: "sender.example", Fresh: true})
		r.job(Job[string]{Destination: "d", Value: "his", From: "bob@sender.example", Sender: "sender.example", Fresh: true})
		c := r.open("relay")
		r.exchange(c, "his")
		if g, _ := askNext(c, r.now); g != nil {
			t.Errorf("%v: got %q, want her mail to wait", at, g.Value())
		}
		r.pass(10 * time.Minute)
		r.exchange(c, "hers")
	}
}

// A rate is less sure by one refusal for each eight hours since it was last confirmed.
func TestConfidenceFades(t *testing.T) {
	for _, test := range []struct {
		confirmed int
		ago       time.Duration
		want      int
	}{
		{0, 0, 0}, {1, 0, 1}, {3, 0, 3}, {100, 0, wellKnown}, {3, trustedFor - time.Second, 3}, {3, trustedFor, 2},
		{3, 2*trustedFor - time.Second, 2}, {3, 2 * trustedFor, 1}, {3, 3 * trustedFor, 0}, {3, 30 * trustedFor, 0}, {1, trustedFor, 0},
	} {
		for _, part := range []time.Duration{0, test.ago / 2, test.ago} {
			r := estimateRecord{Confirmed: test.confirmed, Ago: seconds(part)}
			if got := r.confidence(test.ago - part); got != test.want {
				t.Errorf("%d refusals, the last %v before the record and this %v later: got %d, want %d", test.confirmed, part, test.ago-part, got, test.want)
			}
		}
	}
}

// heed takes the number of a limit that is stated for what it counts, unless it cannot
// be true.
func TestWhatIsStatedIsHeeded(t *testing.T) {
	type stated = classify.Stated
	for name, test := range map[string]struct {
		stated      stated
		atOnce      int
		kind        *meterKind // that is made; nil for none
		concurrency int32      // afterwards, of 8
		stateds     int
	}{
		"messages":               {stated{Limit: classify.LimitMessageRate, Count: 10, Per: time.Minute}, 1, statedKinds[messages], 8, 0},
		"as many as accepted":    {stated{Limit: classify.LimitMessageRate, Count: 5, Per: time.Minute}, 1, statedKinds[messages], 8, 0},
		"fewer than accepted":    {stated{Limit: classify.LimitMessageRate, Count: 4, Per: time.Minute}, 1, nil, 8, 0},
		"fewer, in less time":    {stated{Limit: classify.LimitMessageRate, Count: 4, Per: 3 * time.Second}, 1, statedKinds[messages], 8, 0},
		"fewer, in as much time": {stated{Limit: classify.LimitMessageRate, Count: 4, Per: 4 * time.Second}, 1, nil, 8, 0},
		"a quota":                {stated{Limit: classify.LimitQuota, Count: 5, Per: time.Hour}, 1, statedKinds[messages], 8, 0},
		"a small quota":          {stated{Limit: classify.LimitQuota, Count: 4, Per: time.Hour}, 1, nil, 8, 0},
		"recipients":             {stated{Limit: classify.LimitRecipientRate, Count: 10, Per: time.Minute}, 1, statedKinds[recipients], 8, 0},
		"few recipients":         {stated{Limit: classify.LimitRecipientRate, Count: 9, Per: time.Minute}, 1, nil, 8, 0},
		"openings":               {stated{Limit: classify.LimitConnectionRate, Count: 1, Per: time.Minute}, 1, statedKinds[connections], 8, 0},
		"connections":            {stated{Limit: classify.LimitConnections, Count: 3}, 4, nil, 3, 3},
		"more connections":       {stated{Limit: classify.LimitConnections, Count: 20}, 4, nil, 8, 20},
		"fewer than were open":   {stated{Limit: classify.LimitConnections, Count: 3}, 5, nil, 8, 0},
		"octets":                 {stated{Limit: classify.LimitMessageRate, Count: 10, Per: time.Minute, Bytes: true}, 1, nil, 8, 0},
		"no time":                {stated{Limit: classify.LimitMessageRate, Count: 10}, 1, nil, 8, 0},
		"no number":              {stated{Limit: classify.LimitMessageRate, Per: time.Minute}, 1, nil, 8, 0},
		"another limit":          {stated{Limit: classify.LimitMailboxRate, Count: 10, Per: time.Minute}, 1, nil, 8, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scope{concurrency: 8}
			now := noon
			for i := range 5 { // five messages of two recipients over four seconds
				s.recent.count(now.Add(time.Duration(i)*time.Second), 2)
			}
			now = now.Add(4 * time.Second)
			l := s.learning(now, 1)
			s.heed(now, test.stated, test.atOnce, 1)
			if s.concurrency != test.concurrency || l.stated != test.stateds {
				t.Errorf("got a concurrency of %d and %d stated, want %d and %d", s.concurrency, l.stated, test.concurrency, test.stateds)
			}
			for _, kind := range statedKinds {
				if kind == nil {
					continue
				}
				m, made := s.meter(kind).(*statedLimit)
				if made != (kind == test.kind) {
					t.Fatalf("%s was made: %v", kind.name, made)
				}
				if made && m.log.quota != (Quota{Count: int(test.stated.Count), Per: test.stated.Per}) {
					t.Errorf("%s is %+v, want %+v", kind.name, m.log.quota, test.stated)
				}
			}
			if test.kind == nil {
				return
			}
			m := s.meter(test.kind).(*statedLimit)
			m.take(now, 2)
			s.heed(now.Add(time.Second), stated{Limit: test.stated.Limit, Count: 11, Per: 2 * time.Minute}, 1, 1)
			if s.meter(test.kind) != meter(m) || m.log.quota != (Quota{Count: 11, Per: 2 * time.Minute}) || m.log.sum != 2 {
				t.Errorf("another number: got %+v with %d used, want 11 in two minutes and 2", m.log.quota, m.log.sum)
			}
		})
	}
}

// A stated limit counts what is taken at once, gives back the latest, and lets a
// message that is larger than itself go when it is empty.
func TestStatedLimitCounts(t *testing.T) {
	l := &statedLimit{log: *newQuotaLog(Quota{Count: 5, Per: time.Minute})}
	now := noon
	at := func(n int) time.Duration { return l.at(now, n).Sub(now) }
	l.take(now, 2)
	now = now.Add(10 * time.Second)
	l.take(now, 3)
	if at(1) != 50*time.Second || at(3) != time.Minute || at(100) != time.Minute {
		t.Errorf("full: got %v, %v and %v, want 50 s and a minute twice", at(1), at(3), at(100))
	}
	l.release(now, 4) // three of the latest, and one before
	if l.log.sum != 1 || at(4) != 0 || at(5) != 50*time.Second {
		t.Errorf("given back: got %d, %v and %v, want 1, none and 50 s", l.log.sum, at(4), at(5))
	}
	l.release(now, 9)
	if l.log.sum != 0 || at(100) != 0 {
		t.Errorf("given back too much: got %d and %v, want nothing used", l.log.sum, at(100))
	}
	if name, until := l.explain(now); name != "stated limit" || !until.Equal(now) {
		t.Errorf("got %q until %v", name, until)
	}
}

// TestEvidenceOfASnapshotIsPrintable, for it is shown.
func TestEvidenceOfASnapshotIsPrintable(t *testing.T) {
	if got, want := tidy("450 \x1b[31m\u202eslow\x00 größer"), "450  [31m slow  größer"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r := newRig(t, wide())
	r.push("d", "x")
	text := `{"version":2,"taken":"2026-06-01T12:00:00Z","destinations":{"d":{"lessons":{"age":1,"limit":"message-rate","pause":10,"evidence":"a\u001bb"}}}}`
	text = strings.Replace(text, "2026-06-01T12:00:00Z", r.now.UTC().Format(time.RFC3339), 1)
	if err := r.s.Restore(r.now, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if got := r.destination("d").learned().evidence; got != "a b" {
		t.Errorf("the evidence is %q", got)
	}
}

// A record without caps brings none.
func TestRecordsWithoutCapsBringNone(t *testing.T) {
	r := newRig(t, wide())
	text := snapshotOf(r.now, `"destinations":{"d":{"lessons":{"age":60,"limit":"message-rate","evidence":"450 4.7.1 slow down"}}}`)
	if err := r.s.Restore(r.now, []byte(text)); err != nil {
		t.Fatal(err)
	}
	r.push("d", "m")
	l := r.destination("d").learned()
	if l == nil || l.perMessage != nil || l.connections != (connectionCap{}) || l.perConnection.most != 0 {
		t.Errorf("got %+v", l)
	}
}
