package throttle

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/golden"
)

// A mailWalk drives a Scheduler whose receivers answer in ways that are drawn.
type mailWalk struct {
	name    string
	cfg     Config
	senders []string
	limits  map[Scope]Limits
	// named are the further scopes of which some mail has some.
	named []*ScopeList
	// answer returns the outcome of a message to so many recipients.
	answer func(m *mail, n int) Outcome
	// opens returns the error of a connection, and what it stands for; nil lets it in.
	opens func(m *mail) (classify.Stage, classify.Verdict, error)
	// takes returns how long a message takes.
	takes func(m *mail) time.Duration
}

// mail is such a walk under way.
type mail struct {
	*walker
	walk     mailWalk
	s        *Scheduler[string]
	on       *Conn[string] // those of the message that is answered
	sender   string
	dialling []*Conn[string]
	numbers  map[*Conn[string]]int // of the connections
	asking   []*Conn[string]
	idle     []*Conn[string]
	flights  []flown
	tick     time.Time
	log      strings.Builder // since the last line
	lessons  string          // of it, what was learned
	accepted int             // and the messages
	refused  int
	last     *Item[string]
	pushed   int                                 // in all, less those that ended
	number   int                                 // of the last item
	limited  map[string]func(now time.Time) bool // the receivers
}

// flown is a message that is under way.
type flown struct {
	g     *Grant[string]
	c     *Conn[string]
	begun time.Time
	n     int
}

// TestMailStepByStep compares each decision about mail to receivers that answer in many
// ways with the tables in testdata/walks, and a checksum of all that is known then. It is
// written anew as that of TestStatesStepByStep.
func TestMailStepByStep(t *testing.T) {
	skipWhereFloatsDiffer(t)
	for _, of := range mailWalks {
		t.Run(of.name, func(t *testing.T) {
			golden.Compare(t, "testdata/walks/"+of.name+".txt", of.lines(t, 100), true)
		})
	}
}

// lines returns so many lines, each of some steps: what was accepted and refused in them,
// what was learned, and the checksum.
func (of mailWalk) lines(t *testing.T, n int) (lines []string) {
	s, err := New[string](of.cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.seed(1)
	for of, l := range of.limits {
		if err := s.SetLimits(noon, of, l); err != nil {
			t.Fatal(err)
		}
	}
	m := &mail{walker: newWalker(of.name), walk: of, s: s, limited: map[string]func(time.Time) bool{}, numbers: map[*Conn[string]]int{}}
	for k := range n {
		m.log.Reset()
		m.lessons, m.accepted, m.refused = "", 0, 0
		for range 100 {
			m.step()
		}
		lines = append(lines, fmt.Sprintf("%3d at %v: %d accepted, %d refused, %08x%s", k, m.now.Sub(noon), m.accepted, m.refused, m.sum(), m.lessons))
	}
	return lines
}

// scopes returns the further scopes of an item, always the same.
func (of mailWalk) scopes(m *mail, value string) *ScopeList {
	if of.named == nil {
		return nil
	}
	return of.named[int(crc32.ChecksumIEEE([]byte(value)))%len(of.named)]
}

func (m *mail) note(format string, args ...any) { fmt.Fprintf(&m.log, " "+format, args...) }

func (m *mail) notes(changes []Change) {
	for _, c := range changes {
		m.lessons += fmt.Sprintf("; %s %s: %v %.4g to %.4g", c.Scope, c.Name, c.Limit, c.From, c.To)
		if !c.Until.IsZero() {
			m.lessons += fmt.Sprintf(" until %v", c.Until.Sub(noon))
		}
	}
}

// step lets one thing happen, and whatever follows from it.
func (m *mail) step() {
	switch k := m.IntN(12); {
	case k < 2 && m.pushed < 300 || m.pushed < 3:
		m.push()
	case k < 4 && len(m.dialling) > 0:
		m.dialled()
	case k < 10 && len(m.flights) > 0:
		m.ended(m.IntN(len(m.flights)))
	case k == 10 && !m.tick.IsZero() && m.tick.After(m.now):
		m.now = m.now.Add(min(m.tick.Sub(m.now), 5*time.Minute))
		m.note("waits")
	case k == 11 && len(m.idle) > 0 && m.chance(30):
		c := m.idle[0]
		m.idle = m.idle[1:]
		m.note("close")
		c.Closed(m.now, classify.StageIdle, classify.Verdict{}, nil)
	case k == 11 && m.chance(10):
		m.controlled()
	default:
		m.pass(0, 50*time.Millisecond, 50*time.Millisecond, 500*time.Millisecond)
		m.note("waits")
	}
	m.drive()
}

// controlled has a user do something.
func (m *mail) controlled() {
	switch name := pick(m.walker, "a", "b", "c"); m.IntN(7) {
	case 0:
		m.note("pause %s", name)
		m.s.Pause(m.now, name)
		m.pass(time.Minute)
		m.s.Resume(m.now, name)
	case 1:
		m.note("retry %s", name)
		m.s.RetryNow(m.now, name)
	case 2:
		m.note("forget %s", name)
		m.s.Forget(m.now, name)
	case 3:
		l := Limits{Connections: pick(m.walker, 2, Unlimited), MessageRate: Rate{Count: pick(m.walker, 5, 50), Per: time.Second, Burst: 3}}
		m.note("limit x to %v: %v", l, m.s.SetEndpoint(m.now, "x", l))
	case 4:
		m.note("sweep: %v", m.s.Sweep(m.now))
	case 5:
		text, _ := m.s.Snapshot(m.now)
		m.note("restore: %v", m.s.Restore(m.now, text))
	case 6:
		if m.last != nil && m.s.Remove(m.now, m.last) {
			m.note("remove %s", m.last.job.Value)
			m.pushed--
		}
		m.last = nil
	}
}

func (m *mail) push() {
	j := Job[string]{
		Destination: pick(m.walker, "a", "a", "b", "c"), Fresh: true, Recipients: pick(m.walker, 1, 1, 4, 20), Bytes: pick(m.walker, 0, 1000, 90000),
		Lane: pick(m.walker, Bulk, Bulk, Bulk, Single), Sender: pick(m.walker, m.walk.senders...),
	}
	j.Path = m.path(j.Destination)
	if j.Recipients == 1 {
		j.Mailbox = pick(m.walker, "ann", "bob", "cid") + "@" + j.Destination
	}
	for range pick(m.walker, 1, 5, 30) {
		m.pushed++
		m.number++
		j.Value = fmt.Sprint(j.Destination, m.number)
		j.Scopes = m.walk.scopes(m, j.Value)
		m.last = m.s.Push(m.now, j)
	}
	m.note("push %s", j.Value)
}

// path returns that of a destination; that of b may go through both endpoints.
func (m *mail) path(destination string) *Path {
	switch destination {
	case "b":
		return Through("x", "y")
	case "c":
		return Through("y")
	}
	return Through("x")
}

func (m *mail) dialled() {
	c := m.dialling[0]
	m.dialling = m.dialling[1:]
	m.pass(time.Millisecond, 50*time.Millisecond)
	stage, v, err := m.walk.opens(m)
	if err != nil {
		m.note("%s shut: %v", c.Endpoint(), err)
		m.notes(c.Closed(m.now, stage, v, err))
		return
	}
	m.note("%s open", c.Endpoint())
	m.notes(c.Established(m.now))
	m.asking = append(m.asking, c)
}

func (m *mail) ended(i int) {
	f := m.flights[i]
	m.flights = slices.Delete(m.flights, i, i+1)
	m.now = later(m.now, f.begun.Add(m.walk.takes(m)))
	m.on, m.sender = f.c, f.g.item.job.Sender
	o := m.walk.answer(m, f.n)
	if o.Err == nil {
		o.Accepted, o.Recipients = f.n, f.n
	}
	if o.Accepted > 0 {
		m.accepted++
	} else {
		m.refused++
	}
	value := f.g.Value()
	changes, taken := f.g.Done(m.now, o)
	m.note("%s to %d on %s: %d, %v at %v, taken %v;", value, f.n, f.c.Endpoint(), o.Accepted, o.Verdict.Limit, o.Stage, taken)
	m.notes(changes)
	if o.Verdict.Connection > classify.ConnReset {
		m.notes(f.c.Closed(m.now, o.Stage, o.Verdict, o.Err))
	} else {
		m.asking = append(m.asking, f.c)
	}
	m.pushed--
	if o.Accepted < f.n {
		m.pushed++
		wait := pick(m.walker, 0, time.Second, 10*time.Second)
		m.s.Push(m.now, Job[string]{
			Value: value, Destination: value[:1], Path: m.path(value[:1]),
			Scopes: m.walk.scopes(m, value), Recipients: f.n - o.Accepted, NotBefore: m.now.Add(wait), Sender: pick(m.walker, m.walk.senders...),
		})
	}
}

// drive does what the Scheduler decides.
func (m *mail) drive() {
	m.tick = m.s.Tick(m.now, m)
	for len(m.asking) > 0 {
		c := m.asking[0]
		m.asking = m.asking[1:]
		g, last := c.Next(m.now)
		switch {
		case g == nil && last:
			m.note("%s over", c.Endpoint())
			c.Closed(m.now, classify.StageIdle, classify.Verdict{}, nil)
		case g == nil:
			m.idle = append(m.idle, c)
		case m.chance(3):
			m.note("back")
			g.Return(m.now)
			m.asking = append(m.asking, c)
		default:
			m.note("go %s/%d", g.Value(), g.Recipients())
			g.Wrote(m.now)
			g.Asked(m.now)
			m.flights = append(m.flights, flown{g, c, m.now, g.Recipients()})
		}
		m.tick = m.s.Tick(m.now, m)
	}
}

func (m *mail) Open(c *Conn[string]) {
	m.note("dial %s", c.Endpoint())
	m.numbers[c] = len(m.numbers)
	m.dialling = append(m.dialling, c)
}

func (m *mail) Wake(c *Conn[string]) {
	m.idle = slices.DeleteFunc(m.idle, func(other *Conn[string]) bool { return other == c })
	m.asking = append(m.asking, c)
}

func (m *mail) Retire(c *Conn[string]) {
	m.idle = slices.DeleteFunc(m.idle, func(other *Conn[string]) bool { return other == c })
	m.note("retire %s", c.Endpoint())
	c.Closed(m.now, classify.StageIdle, classify.Verdict{}, nil)
}

// sum returns a checksum of what has happened since the last line, and of what is known.
func (m *mail) sum() uint32 {
	sum := crc32.NewIEEE()
	fmt.Fprintln(sum, m.log.String(), m.lessons)
	in := json.NewEncoder(sum)
	for _, name := range []string{"a", "b", "c"} {
		in.Encode(m.s.Explain(m.now, name))
	}
	fmt.Fprintln(sum, m.tick)
	in.Encode(m.s.Stats(m.now))
	snap, _ := m.s.Snapshot(m.now)
	sum.Write(snap)
	return sum.Sum32()
}

// receiver returns what refuses the mail of this step, by a key.
func (m *mail) receiver(key string, make func() func(time.Time) bool) bool {
	if m.limited[key] == nil {
		m.limited[key] = make()
	}
	return m.limited[key](m.now)
}

var errNotNow = errors.New("450 not now")

func welcome(*mail) (classify.Stage, classify.Verdict, error) { return 0, classify.Verdict{}, nil }

func quickly(m *mail) time.Duration {
	return pick(m.walker, 30*time.Millisecond, 50*time.Millisecond)
}

// limitedIn returns the outcome of a refusal that names a limit, or names none.
func limitedIn(m *mail, stage classify.Stage, l classify.Limit, hint time.Duration) Outcome {
	v := classify.Verdict{Class: classify.ClassRateLimited, Limit: l, RetryAfter: hint}
	if l == classify.LimitNone {
		v.Class = classify.ClassUnknown
	}
	if m.chance(10) {
		v.Connection = classify.ConnDrop
	}
	return Outcome{Stage: stage, Verdict: v, Err: errNotNow}
}

var mailWalks = []mailWalk{
	{"mailAtARate", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		if !m.receiver("", func() func(time.Time) bool { return m.bucket(10, 5) }) {
			return Outcome{}
		}
		return limitedIn(m, pick(m.walker, classify.StageMail, classify.StageRcpt, classify.StageDot), classify.LimitMessageRate, pick(m.walker, 0, 0, 0, 0, 30*time.Second))
	}, welcome, quickly},
	{"mailWithoutWords", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		if !m.receiver("", func() func(time.Time) bool { return m.window(40, time.Minute) }) {
			return Outcome{}
		}
		return limitedIn(m, pick(m.walker, classify.StageMail, classify.StageRcpt), classify.LimitNone, 0)
	}, welcome, quickly},
	{"mailOfManyRecipients", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		most := pick(m.walker, 3, 3, 3, 3, 5)
		if n <= most {
			return Outcome{}
		}
		o := limitedIn(m, classify.StageRcpt, pick(m.walker, classify.LimitRecipientsPerMessage, classify.LimitRecipientRate, classify.LimitNone), 0)
		o.Recipients = most
		if m.chance(70) {
			o.Accepted = most
		}
		return o
	}, welcome, quickly},
	{"mailOverFewConnections", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome { return Outcome{} },
		func(m *mail) (classify.Stage, classify.Verdict, error) {
			if len(m.flights)+len(m.idle) < 3 {
				return welcome(m)
			}
			if m.chance(50) {
				return classify.StageBanner, classify.Verdict{}, errNotNow
			}
			return classify.StageBanner, throttled(classify.LimitConnections, pick(m.walker, 0, 0, time.Minute)), errNotNow
		}, quickly},
	{"mailThatIsDelayed", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome { return Outcome{} }, welcome, func(m *mail) time.Duration {
		if m.receiver("", func() func(time.Time) bool { return m.bucket(8, 3) }) {
			return 10 * time.Second
		}
		return quickly(m)
	}},
	{"mailOnUnevenConnections", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		if m.chance(75) {
			return Outcome{}
		}
		return limitedIn(m, classify.StageMail, pick(m.walker, classify.LimitMessageRate, classify.LimitMessageRate, classify.LimitMessageRate, classify.LimitMessagesPerConnection), 0)
	}, welcome, quickly},
	{"mailAtRatesOfConnections", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		if !m.receiver(fmt.Sprint(m.numbers[m.on]), func() func(time.Time) bool { return m.bucket(2, 2) }) {
			return Outcome{}
		}
		return limitedIn(m, classify.StageMail, classify.LimitMessageRate, 0)
	}, welcome, quickly},
	{"mailOfSenders", wide(), []string{"r.example", "s.example", "t.example"}, nil, nil, func(m *mail, n int) Outcome {
		if m.sender != "s.example" || !m.receiver("", func() func(time.Time) bool { return m.bucket(1, 2) }) {
			return Outcome{}
		}
		return limitedIn(m, pick(m.walker, classify.StageMail, classify.StageRcpt), pick(m.walker, classify.LimitMessageRate, classify.LimitQuota, classify.LimitNone), 0)
	}, welcome, quickly},
	{"mailThatIsPunished", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		if !m.receiver("", func() func(time.Time) bool { return m.punishing(30, 3*time.Minute) }) {
			return Outcome{}
		}
		return limitedIn(m, classify.StageMail, classify.LimitMessageRate, 0)
	}, func(m *mail) (classify.Stage, classify.Verdict, error) {
		if m.chance(90) {
			return welcome(m)
		}
		return classify.StageBanner, throttled(classify.LimitConnectionRate, 0), errNotNow
	}, quickly},
	{"mailBehindTheDot", wide(), []string{""}, nil, nil, func(m *mail, n int) Outcome {
		if m.chance(90) {
			return Outcome{}
		}
		o := limitedIn(m, classify.StageDot, pick(m.walker, classify.LimitRecipientsPerMessage, classify.LimitMessageRate, classify.LimitNone), 0)
		o.Recipients = n
		o.Unsent = m.chance(20)
		o.Verdict.Stated = classify.Stated{Limit: o.Verdict.Limit, Count: 2, Per: pick(m.walker, 0, time.Minute)}
		return o
	}, welcome, quickly},
	{"mailWithinSetLimits", Config{
		Process:     Limits{Connections: 4, MessageRate: Rate{Count: 20, Per: time.Second, Burst: 5}},
		Endpoint:    Limits{Connections: 3, MessagesPerConnection: 7, ConnectionRate: Rate{Count: 2, Per: time.Second}},
		Destination: Limits{Connections: 2, RecipientsPerMessage: 6, RecipientRate: Rate{Count: 30, Per: time.Second, Burst: 10}, Quota: Quota{Count: 50, Per: time.Minute}},
	}, []string{""}, nil, nil, func(m *mail, n int) Outcome { return Outcome{} }, welcome, quickly},
	{"mailOfTenants", wide(), []string{"r.example", "s.example"}, map[Scope]Limits{
		{ScopeTenant, "fast"}: {MessageRate: Rate{Count: 5, Per: time.Second, Burst: 2}}, {ScopeTenant, "slow"}: {MessageRate: Rate{Count: 1, Per: time.Second}},
		{ScopeSource, "few"}: {Connections: 2, RecipientRate: Rate{Count: 20, Per: time.Second, Burst: 30}},
	}, []*ScopeList{
		nil, named(Scope{ScopeTenant, "fast"}), named(Scope{ScopeTenant, "slow"}), named(Scope{ScopeSource, "few"}), named(Scope{ScopeTenant, "fast"}, Scope{ScopeSource, "few"}),
	}, func(m *mail, n int) Outcome {
		if !m.receiver("", func() func(time.Time) bool { return m.bucket(8, 5) }) {
			return Outcome{}
		}
		return limitedIn(m, classify.StageMail, pick(m.walker, classify.LimitMessageRate, classify.LimitNone), 0)
	}, welcome, quickly},
}

func named(scopes ...Scope) *ScopeList {
	l, err := NewScopeList(scopes...)
	if err != nil {
		panic(err)
	}
	return l
}
