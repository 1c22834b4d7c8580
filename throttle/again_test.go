package throttle

import (
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// granted returns a grant for a message to a destination on a new connection, which is
// written.
func granted(t *testing.T, s *Scheduler[int], j Job[int]) *Grant[int] {
	t.Helper()
	s.Push(noon, j)
	c, _ := s.Open(noon, "relay")
	if c == nil {
		t.Fatal("no connection may be opened")
	}
	c.Established(noon)
	g, _ := c.Next(noon)
	if g == nil {
		t.Fatal("nothing is granted")
	}
	g.Wrote(noon)
	g.Asked(noon)
	return g
}

// A grant lets further messages go only where nothing but numbers at once limits them.
func TestAgainOnlyWhereNothingIsLimited(t *testing.T) {
	job := Job[int]{Destination: "d", Path: Through("relay"), Fresh: true}
	tenant, err := NewScopeList(Scope{Kind: ScopeTenant, Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cfg   Config
		job   func(*Job[int])
		after func(*Scheduler[int])
		want  bool
	}{
		"nothing":        {want: true},
		"connections":    {cfg: Config{Destination: Limits{Connections: 3}}, want: true},
		"rate":           {cfg: Config{Destination: Limits{MessageRate: Rate{Count: 1000, Per: time.Second, Burst: 1000}}}},
		"recipients":     {cfg: Config{Endpoint: Limits{RecipientRate: Rate{Count: 1000, Per: time.Second, Burst: 1000}}}},
		"quota":          {cfg: Config{Process: Limits{Quota: Quota{Count: 1000, Per: time.Hour}}}},
		"two recipients": {job: func(j *Job[int]) { j.Recipients = 2 }},
		"tenant":         {job: func(j *Job[int]) { j.Scopes = tenant }},
		"tried":          {job: func(j *Job[int]) { j.Tries = NewTries(noon.Add(-time.Hour), 1) }},
		"set later": {after: func(s *Scheduler[int]) {
			if err := s.SetLimits(noon, Scope{Kind: ScopeDestination, Name: "d"}, Limits{MessageRate: Rate{Count: 1, Per: time.Second}}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		s, err := New[int](test.cfg)
		if err != nil {
			t.Fatal(err)
		}
		j := job
		if test.job != nil {
			test.job(&j)
		}
		g := granted(t, s, j)
		if test.after != nil {
			test.after(s)
		}
		if got := g.Again(noon, ""); got != test.want {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
		g.Done(noon, Outcome{Accepted: 1})
	}
}

// What went under a grant counts when it ends, whatever its end.
func TestAgainCounts(t *testing.T) {
	for name, end := range map[string]func(*Grant[int]){
		"accepted": func(g *Grant[int]) { g.Done(noon, Outcome{Accepted: 1}) },
		"refused": func(g *Grant[int]) {
			r := &classify.Reply{Code: 450, Text: "4.7.1 too much mail"}
			g.Done(noon, Outcome{Stage: classify.StageRcpt, Verdict: classify.Of(classify.StageRcpt, r), Err: r})
		},
		"returned": func(g *Grant[int]) { g.Return(noon) },
	} {
		s, err := New[int](Config{})
		if err != nil {
			t.Fatal(err)
		}
		g := granted(t, s, Job[int]{Destination: "d", Path: Through("relay"), Fresh: true})
		for range 5 {
			if !g.Again(noon, "") {
				t.Fatal("no more may go")
			}
		}
		want := 5
		if name == "accepted" {
			want = 6
		}
		end(g)
		d, _ := s.dests.get("d")
		if got := int(d.recent.messages); got != want {
			t.Errorf("%s: got %d accepted, want %d", name, got, want)
		}
		if d.inUse != 0 || d.inFlight != 0 {
			t.Errorf("%s: got %d in use and %d in flight, want none", name, d.inUse, d.inFlight)
		}
	}
}
