package monitor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// All viewers share one sample a second, and without a viewer there is one every 10 s.
func TestSamplesAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		p := newPage(t, f, Options{})
		time.Sleep(10*time.Minute + time.Millisecond)
		if n := f.calls(); n != 61 {
			t.Errorf("got %d samples in 10 minutes without a viewer, want 61", n)
		}
		before := f.calls()
		var all []*follower
		for range 20 {
			all = append(all, follow(t, p, ""))
		}
		time.Sleep(time.Minute)
		if n := f.calls() - before; n < 55 || n > 61 {
			t.Errorf("got %d samples in a minute with 20 viewers, want one a second", n)
		}
		for _, f := range all {
			f.leave()
			f.end()
		}
		before = f.calls()
		time.Sleep(10 * time.Minute)
		if n := f.calls() - before; n < 59 || n > 61 {
			t.Errorf("got %d samples in 10 minutes after they have left, want 60", n)
		}
	})
}

// Events that are further apart than a viewer may take for one do not end the stream.
func TestSeldomEventsKeepTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 400 * time.Millisecond} // so that samples are 10 s apart
		v := follow(t, newPage(t, f, Options{}), "")
		for range 10 {
			v.next()
		}
		v.leave()
		v.end()
	})
}

// A source whose Stats take long is asked less often.
func TestSlowSourceIsAskedLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{takes: 200 * time.Millisecond}
		p := newPage(t, f, Options{})
		time.Sleep(10 * time.Minute)
		if n := f.calls(); n > 600/50+1 {
			t.Errorf("got %d samples without a viewer", n)
		}
		v := follow(t, p, "")
		before := f.calls()
		time.Sleep(10 * time.Minute)
		if n := f.calls() - before; n < 100 || n > 600/5+2 {
			t.Errorf("got %d samples with a viewer, want one in 5 s", n)
		}
		v.leave()
	})
}

// A viewer that takes nothing is dropped, and holds up no other.
func TestSlowViewerIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		p := newPage(t, f, Options{})
		other := follow(t, p, "")
		other.next()
		dropped := make(chan time.Time)
		go func() {
			p.ServeHTTP(&stream{header: http.Header{}, stuck: true}, httptest.NewRequest("GET", "/events", nil))
			dropped <- time.Now()
		}()
		start := time.Now()
		for i := range 4 {
			f.hold(fmt.Sprint(i), 1, 0)
			other.next()
		}
		if at := <-dropped; at.Sub(start) > patience+time.Second {
			t.Errorf("dropped after %v, want %v", at.Sub(start), patience)
		}
		other.leave()
	})
}

// An event has what changed, of the rows that are shown.
func TestEventsAreDifferences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		for i := range 300 {
			f.hold(fmt.Sprintf("d%03d.example", i), i, 0)
		}
		p := newPage(t, f, Options{})
		v, search := follow(t, p, "rows=3"), follow(t, p, "rows=3&search=+D01")
		first, found := v.next(), search.next()
		if want := []string{"d299.example", "d298.example", "d297.example"}; !slices.Equal(first.Order, want) || !slices.Equal(first.names(), want) || first.Matches != 300 || first.Known != 300 {
			t.Errorf("first: got %v, %v of %d", first.Order, first.names(), first.Known)
		}
		if want := []string{"d019.example", "d018.example", "d017.example"}; !slices.Equal(found.Order, want) || found.Matches != 10 {
			t.Errorf("search: got %v of %d", found.Order, found.Matches)
		}
		if e := v.next(); e.Order != nil || e.Rows != nil || e.Relays != nil || e.Refusals != nil {
			t.Errorf("without a change: got %+v", e)
		}
		v.drain()
		f.hold("d298.example", 500, 7)
		if e := v.next(); !slices.Equal(e.Order, []string{"d298.example", "d299.example", "d297.example"}) || !slices.Equal(e.names(), []string{"d298.example"}) {
			t.Errorf("after a change: got %v, %v", e.Order, e.names())
		}
		v.drain()
		f.hold("d000.example", 400, 0)
		if e := v.next(); !slices.Contains(e.names(), "d000.example") || slices.Contains(e.Order, "d297.example") {
			t.Errorf("after another comes up: got %v, %v", e.Order, e.names())
		}
		v.leave()
		search.leave()
	})
}

func TestRowsAreBounded(t *testing.T) {
	for query, want := range map[string]int{"": usualRows, "rows=0": usualRows, "rows=-5": usualRows, "rows=x": usualRows, "rows=7": 7, "rows=1000000": mostRows} {
		r := httptest.NewRequest("GET", "/events?"+query, nil)
		if v := newViewer(r.URL.Query()); v.rows != want {
			t.Errorf("%q: got %d rows, want %d", query, v.rows, want)
		}
	}
}
