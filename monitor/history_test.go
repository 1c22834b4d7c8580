package monitor

import (
	"fmt"
	"testing"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/throttle"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestSeriesKeepsAQuarterOfAnHour(t *testing.T) {
	var s series
	if got := s.points(noon); got != nil {
		t.Errorf("without a sample: got %v", got)
	}
	for i := range 3600 {
		s.add(noon.Add(time.Duration(i)*time.Second), slot{span: 1, sent: float32(i % 10), queued: float32(i)})
	}
	end := noon.Add(3599 * time.Second)
	points := s.points(end)
	if n := len(points); n < 60+80 || n > 60+90 {
		t.Errorf("got %d points", n)
	}
	for i := range points {
		p, age := points[i], end.UnixMilli()-int64(points[i][0])
		if i > 0 && p[0] <= points[i-1][0] || age > 15*60_000 || age < 0 {
			t.Fatalf("point %d is at %v, %d ms ago, after %v", i, p[0], age, points[max(i-1, 0)])
		}
		if age > 70_000 && p[1] != 4.5 { // the mean of 10 s
			t.Errorf("got %v a second %d ms ago, want 4.5", p[1], age)
		}
	}
	if got := s.newest(); got != points[len(points)-1] || got[5] != 3599 {
		t.Errorf("newest: got %v, want %v", got, points[len(points)-1])
	}
	for i, p := range points { // a gap stays one, and shows nothing of an hour ago
		if i+1 < len(points) && int64(points[i+1][0])-int64(p[0]) > 11_000 {
			t.Errorf("a gap after %v", p[0])
		}
	}
	gap := end.Add(40 * time.Second)
	s.add(gap, slot{span: 1})
	for _, p := range s.points(gap) {
		if age := gap.UnixMilli() - int64(p[0]); age > 0 && age < 30_000 {
			t.Errorf("got a point %d ms ago, where there was no sample", age)
		}
	}
	s.add(end.Add(time.Hour), slot{span: 1})
	if got := s.points(end.Add(time.Hour)); len(got) != 1 {
		t.Errorf("after an hour without samples: got %d points, want 1", len(got))
	}
}

// sampleOf returns a sample of destinations 0 to n-1, of which destination i holds
// i + more.
func sampleOf(at time.Time, n, more int) *sample {
	s := &sample{at: at}
	for i := range n {
		s.stats.Destinations = append(s.stats.Destinations, smtpace.DestinationStats{DestinationStats: throttle.DestinationStats{Name: fmt.Sprintf("%07d", i), Queued: i + more}})
	}
	return s
}

// Where there are more destinations than are kept, those that hold most mail back are.
func TestHistoryIsBounded(t *testing.T) {
	var h history
	h.add(sampleOf(noon, mostTracks+2000, 1))
	h.add(sampleOf(noon.Add(time.Second), mostTracks+3000, 1))
	if n := len(h.tracks); n != mostTracks {
		t.Errorf("got %d tracks, want %d", n, mostTracks)
	}
	if h.tracks["0000001"] != nil || h.tracks[fmt.Sprintf("%07d", mostTracks+1999)] == nil {
		t.Error("those that hold most mail back are not kept")
	}
	later := noon.Add(time.Minute)
	h.add(&sample{at: later})
	h.add(sampleOf(later.Add(time.Second), 5, 1))
	if h.tracks["0000003"] == nil || len(h.tracks) > mostTracks {
		t.Errorf("no room was made: %d tracks", len(h.tracks))
	}
	h.add(&sample{at: later.Add(forgetAfter + time.Minute)})
	if n := len(h.tracks); n > 0 {
		t.Errorf("got %d tracks after a quarter of an hour without mail, want none", n)
	}
}

func TestHistoryNotesLessons(t *testing.T) {
	f := &fake{}
	f.hold("a", 5, 0)
	var h history
	take := func(at time.Time) { h.add(&sample{at: at, stats: f.Stats()}) }
	take(noon)
	f.teach("a", "450 slow down", "50/s", 10, noon)
	take(noon.Add(time.Second))
	take(noon.Add(2 * time.Second))
	f.teach("a", "450 slower", "20/s", 3, noon.Add(2500*time.Millisecond))
	take(noon.Add(3 * time.Second))
	got := h.tracks["a"].lessons
	if len(got) != 2 || len(h.lessons) != 2 || got[0].text() != "rate 50/s, at once 1 → 10" || got[1].text() != "rate 50/s → 20/s, at once 10 → 3" || got[1].Reply != "450 slower" {
		t.Errorf("got %+v", got)
	}
	for i := range 3 * mostLessons {
		f.teach("a", "450", "20/s", 3, noon.Add(time.Duration(i+10)*time.Second))
		take(noon.Add(time.Duration(i+10) * time.Second))
	}
	if len(h.lessons) != mostLessons || len(h.tracks["a"].lessons) != mostLessonsOfOne {
		t.Errorf("kept %d lessons of all and %d of one", len(h.lessons), len(h.tracks["a"].lessons))
	}
}

// Counts that begin anew, as for a destination that was not counted for a while, are
// no negative rate.
func TestCountsThatBeginAnew(t *testing.T) {
	f := &fake{}
	var h history
	f.hold("a", 1, 100)
	h.add(&sample{at: noon, stats: f.Stats()})
	f.hold("a", 1, 3)
	h.add(&sample{at: noon.Add(time.Second), stats: f.Stats()})
	if p := h.tracks["a"].newest(); p[1] != 0 {
		t.Errorf("got %v a second", p[1])
	}
}
