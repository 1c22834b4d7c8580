package throttle

import (
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/smtpace/smtpace/internal/chance"
)

const walksFile = "testdata/walks.txt"

// TestWalksGoAsBefore leads what learns through long courses of events, which are drawn
// by a seed, and compares digests of all states on the way with testdata/walks.txt.
// Whoever changes what is learned on purpose writes the file anew with
//
//	go test ./throttle -run TestWalksGoAsBefore -update
//
// A line that differs names the walk that goes another way.
func TestWalksGoAsBefore(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round floating-point numbers in another way")
	}
	var lines []string
	walk := func(seeds uint64, name string, walk func(rng *rand.Rand, w io.Writer)) {
		for seed := range seeds {
			if UnderRace && seed > 0 {
				break
			}
			h := fnv.New64a()
			walk(rand.New(rand.NewPCG(seed, 7)), h)
			lines = append(lines, fmt.Sprintf("%s %d: %016x\n", name, seed, h.Sum64()))
		}
	}
	walk(40, "connection cap", walkConnectionCap)
	walk(40, "message cap", walkMessageCap)
	walk(20, "suspicion", walkSuspicion)
	walk(20, "trial", walkTrialTest)
	walk(20, "unopened", walkUnopened)
	walk(40, "crowding", walkCrowding)
	for i, r := range walkedReceivers {
		walk(4, fmt.Sprintf("rate %d", i), func(rng *rand.Rand, w io.Writer) { walkRate(rng, w, r) })
	}
	for seed := range uint64(60) {
		if UnderRace && seed%20 > 0 {
			continue
		}
		lines = append(lines, fmt.Sprintf("world %d: %016x\n", seed, walkWorld(t, seed)))
	}
	if flag.Lookup("update").Value.String() == "true" && !UnderRace {
		if err := os.WriteFile(walksFile, []byte(strings.Join(lines, "")), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(walksFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		known[line] = true
	}
	for _, line := range lines {
		if !known[line] {
			t.Errorf("goes another way: %s", line)
		}
	}
}

// walkConnectionCap opens connections up to a cap that changes.
func walkConnectionCap(rng *rand.Rand, w io.Writer) {
	var c connectionCap
	now, window, limit, lastOpen := noon, 1, 1+rng.IntN(12), noon
	for range 400 {
		now = now.Add(time.Duration(rng.ExpFloat64() * float64([]time.Duration{time.Second, 20 * time.Second, 10 * time.Minute}[rng.IntN(3)])))
		if rng.IntN(60) == 0 {
			limit = 1 + rng.IntN(12)
		}
		number := max(window-rng.IntN(2), 1)
		switch refused := number > limit; {
		case rng.IntN(40) == 0:
			refused = true
			fallthrough
		case refused:
			if c.strayed(now, number) {
				fmt.Fprint(w, "stray ")
			} else {
				c.refused(now, max(number-1, 1))
				window = max(number-1, 1)
			}
		default:
			c.opened(now, lastOpen, number)
			lastOpen = now.Add(-time.Duration(rng.IntN(2000)) * time.Millisecond)
			window = c.grown(now, window)
		}
		fmt.Fprintln(w, window, c.again(), c.testing())
		dump(w, &c)
	}
}

// walkMessageCap sends messages on connections that carry so many.
func walkMessageCap(rng *rand.Rand, w io.Writer) {
	var c messageCap
	now, limit := noon, 1+rng.IntN(30)
	for range 150 {
		if rng.IntN(40) == 0 {
			limit = 1 + rng.IntN(30)
		}
		for ordinal := 1; ; ordinal++ {
			now = now.Add(time.Duration(rng.IntN(120)) * time.Second)
			if c.most > 0 && ordinal > int(c.most) {
				break
			}
			if ordinal > limit || rng.IntN(60) == 0 {
				fmt.Fprint(w, c.refused(ordinal))
				break
			}
			c.accepted(ordinal)
			c.retest(now, ordinal)
		}
		dump(w, &c)
	}
}

func walkSuspicion(rng *rand.Rand, w io.Writer) {
	var s suspicion
	now, share := noon, 0.0
	for i := range 1500 {
		now = now.Add(time.Second)
		if i%100 == 0 {
			share = []float64{0, 0.01, 0.05, 0.3, 0.8, 1}[rng.IntN(6)]
		}
		s.weigh(now, rng.IntN(2), rng.Float64() < share, rng.IntN(5) > 0)
		switch rng.IntN(100) {
		case 0:
			s.exceptional()
		case 1:
			s.usualAfterAll()
		case 2:
			s.cap()
		}
		fmt.Fprintf(w, "%.6g %.6g %.6g %v ", s.usual(firstTry), s.usual(furtherTry), s.share(), s.refusedInRun())
		dump(w, &s)
	}
}

func walkTrialTest(rng *rand.Rand, w io.Writer) {
	for range 60 {
		var test trialTest
		share := rng.Float64() * rng.Float64()
		test.begin(noon, share)
		share *= []float64{0, 0.2, 0.5, 1, 2}[rng.IntN(5)]
		for i := range 120 {
			test.test(noon.Add(time.Duration(i-3)*time.Second), rng.Float64() < share)
			fmt.Fprint(w, test.helps(), test.vain())
			dump(w, &test)
		}
	}
}

func walkUnopened(rng *rand.Rand, w io.Writer) {
	var u unopened
	var c connectionCap
	for range 300 {
		beside := int32(1 + rng.IntN(3))
		switch rng.IntN(6) {
		case 0:
			u.raised(beside)
		case 1:
			c.refused(noon, int(beside)+rng.IntN(2))
		case 2:
			c.proven().tested = !c.testing()
		default:
			fmt.Fprint(w, u.failed(beside, &c))
		}
		dump(w, &u)
	}
}

// walkCrowding has a receiver whose transactions take longer from some number of
// connections on.
func walkCrowding(rng *rand.Rand, w io.Writer) {
	var c crowding
	now, n, most, slope := noon, 1, 1+rng.IntN(12), []float64{0, 0.5, 1, 1.5}[rng.IntN(4)]
	for range 4000 {
		if rng.IntN(1500) == 0 {
			most = 1 + rng.IntN(12)
		}
		if c.limit > 0 && n > int(c.limit) || rng.IntN(300) == 0 && n > 1 {
			n--
		} else if (c.limit == 0 || n < int(c.limit)) && n < 20 && rng.IntN(80) == 0 {
			n++
		}
		took := 0.1 * (0.8 + 0.4*rng.Float64()) * (1 + slope*max(float64(n)/float64(most)-1, 0))
		if rng.IntN(200) == 0 {
			took *= 20
		}
		now = now.Add(time.Duration(took / float64(n) * float64(time.Second)))
		fmt.Fprint(w, c.took(now, n, time.Duration(took*float64(time.Second))), " ")
		switch rng.IntN(3000) {
		case 0:
			c.idles()
		case 1, 2:
			now = now.Add(time.Minute)
			c.lapse(now)
		}
		fmt.Fprintf(w, "%d %d %d %d %v %v\n", c.limit, c.found, c.phase, c.arms, c.gap, c.next.Sub(noon))
	}
}

// walkedReceiver is what a receiver refuses.
type walkedReceiver struct {
	rate, burst float64       // of a bucket; 0 is none
	window      int           // messages in each period; 0 is none
	per         time.Duration // that period
	share       float64       // refused at random
	punishes    time.Duration // refuses everything for so long after a refusal
	changes     float64       // the factor of the rate after half of the time
	recipients  int           // at once
	strict      bool
}

var walkedReceivers = []walkedReceiver{
	{rate: 50, burst: 20}, {rate: 1, burst: 5}, {rate: 10, burst: 1}, {rate: 5, burst: 200}, {rate: 20, burst: 10, share: 0.02}, {rate: 20, burst: 10, share: 0.1}, {share: 0.01}, {share: 0.05},
	{share: 0.2}, {window: 300, per: time.Minute}, {window: 50, per: 10 * time.Second}, {window: 500, per: 10 * time.Minute}, {window: 300, per: time.Minute, share: 0.02}, {rate: 2, burst: 10, punishes: 5 * time.Minute},
	{rate: 10, burst: 50, punishes: 15 * time.Minute}, {rate: 20, burst: 20, changes: 0.3}, {rate: 20, burst: 20, changes: 4}, {rate: 100, burst: 10, recipients: 3}, {rate: 30, burst: 30, strict: true},
	{rate: 10, burst: 1, share: 0.03}, {window: 1000, per: time.Hour}, {rate: 0.2, burst: 2},
}

// walkRate sends to a receiver as fast as its estimate lets go.
func walkRate(rng *rand.Rand, w io.Writer, r walkedReceiver) {
	const messages = 3000
	type try struct {
		begun, ends time.Time
		n           int
		refused     bool
	}
	var p rateEstimate
	var flying []try
	known := false
	now, tokens, filled, windowEnd, inWindow, banned := noon, r.burst, noon, noon, 0, noon
	refuses := func(i, n int) bool {
		rate := r.rate
		if r.changes > 0 && i > messages/2 {
			rate *= r.changes
		}
		if now.Before(banned) {
			return true
		}
		if r.share > 0 && rng.Float64() < r.share {
			return true
		}
		if r.rate > 0 {
			tokens, filled = min(tokens+rate*now.Sub(filled).Seconds(), r.burst), now
			if tokens < float64(n) {
				banned = now.Add(r.punishes)
				return true
			}
			tokens -= float64(n)
		}
		if r.window > 0 {
			if !now.Before(windowEnd) {
				windowEnd, inWindow = now.Truncate(r.per).Add(r.per), 0
			}
			if inWindow += n; inWindow > r.window {
				return true
			}
		}
		return false
	}
	end := func() {
		t := flying[0]
		flying = flying[1:]
		now = later(now, t.ends)
		switch {
		case t.refused && !known:
			known = true
			p = newRateEstimate(now, 20, now.Add(-2*time.Second))
			p.strict = r.strict
			p.refuse(now, t.begun, t.n)
		case t.refused:
			p.refuse(now, t.begun, t.n)
		case known:
			p.accept(now, t.begun, t.n)
		}
		fmt.Fprintf(w, "%d %v ", now.Sub(noon).Microseconds(), t.refused)
	}
	for i := range messages {
		n := 1 + rng.IntN(max(r.recipients, 1))
		for len(flying) > 0 && (len(flying) >= 4 || !flying[0].ends.After(now)) {
			end()
		}
		if known {
			at := p.at(now, len(flying), n)
			for len(flying) > 0 && !flying[0].ends.After(at) {
				end()
				at = p.at(now, len(flying), n)
			}
			now = later(now, at)
		}
		if rng.IntN(400) == 0 { // nothing to do
			now = now.Add(time.Duration(rng.IntN(90)) * time.Second)
		}
		now = now.Add(time.Duration(rng.IntN(3)) * time.Millisecond)
		if known {
			p.take(now, n)
			if rng.IntN(200) == 0 {
				p.release(n)
				continue
			}
		}
		flying = append(flying, try{now, now.Add(time.Duration(5+rng.IntN(40)) * time.Millisecond), n, refuses(i, n)})
		if i%5 == 0 {
			dump(w, &p)
			fmt.Fprintf(w, "%.6g %v\n", p.rate(), p.settled())
		}
	}
}

// walkWorld has random callers, as in TestInvariant6NoLimitIsEverExceeded, and returns a
// digest of what they are told.
func walkWorld(t *testing.T, seed uint64) uint64 {
	h := fnv.New64a()
	w := newWorld(t, seed)
	w.s.Seed(chance.Seed(seed))
	for i := range w.steps() {
		w.step()
		if i%25 > 0 {
			continue
		}
		dump(h, new(w.s.Stats(w.now)))
		for _, d := range w.destinations {
			dump(h, new(w.s.Explain(w.now, d)))
		}
		if i%100 == 0 {
			text, err := w.s.Snapshot(w.now)
			fmt.Fprintf(h, "%s %v", text, err)
		}
	}
	w.drain()
	fmt.Fprintln(h, w.now.Sub(noon), len(w.items))
	return h.Sum64()
}

// dump writes a value, with rounded numbers and without what is zero.
func dump(w io.Writer, p any) {
	dumpValue(w, reflect.ValueOf(p).Elem(), 0)
	io.WriteString(w, "\n")
}

func dumpValue(w io.Writer, v reflect.Value, depth int) {
	if v.IsZero() || depth > 6 {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() && v.CanAddr() {
		at := reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem().Interface().(time.Time)
		fmt.Fprint(w, at.Sub(noon).Microseconds())
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		fmt.Fprint(w, v.Bool())
	case reflect.Float32, reflect.Float64:
		fmt.Fprintf(w, "%.6g", v.Float())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			fmt.Fprint(w, v.Int()/1000)
			return
		}
		fmt.Fprint(w, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		fmt.Fprint(w, v.Uint())
	case reflect.String:
		io.WriteString(w, v.String())
	case reflect.Pointer:
		dumpValue(w, v.Elem(), depth+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				fmt.Fprintf(w, " %s=", v.Type().Field(i).Name)
				dumpValue(w, v.Field(i), depth+1)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			io.WriteString(w, ",")
			dumpValue(w, v.Index(i), depth+1)
		}
	}
}
