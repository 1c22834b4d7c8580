package throttle

import "time"

const (
	// mostMissed is the number of connections in a row that could not be opened by chance.
	// The next comes at once behind one more of them for each byChanceMissed times that a
	// connection was opened behind some. So a receiver refuses at most mostMissed for each
	// that it lets in.
	mostMissed     = 3
	byChanceMissed = 3
)

// failures are those of connections that could not be opened. Where a connection is opened
// behind a few of them time and again, they are chance: one host of several behind a name is
// down, or a server refuses every second connection. Then the next connection comes at once.
type failures struct {
	step   time.Duration // the last pause; 0 when a connection was opened since
	beside int32         // other connections that were open at the last of these
	row    int8          // in a row, beside other connections
	chance int8          // times that a connection was opened behind at most mostMissed, beside as many
}

// misses notes that a connection could not be opened beside so many others, and reports
// whether the next may come at once.
func (b *backoff) misses(now time.Time, beside int32) bool {
	b.beside = beside
	if b.row = min(b.row+1, mostMissed+1); b.row > mostMissed {
		b.chance = 0
	}
	if b.row <= b.chance/byChanceMissed {
		return true
	}
	b.lengthen(now)
	return false
}

// opened notes that a connection was opened beside so many others. Beside fewer it tells
// nothing: their number may have been the reason.
func (f *failures) opened(beside int32) {
	if f.row > 0 && f.row <= mostMissed && beside >= f.beside {
		f.chance = min(f.chance+1, mostMissed*byChanceMissed)
	}
	f.step, f.row = 0, 0
}

// resume takes back the success of a connection that turned out useless.
func (f *failures) resume(before failures) {
	f.beside, f.step, f.row, f.chance = before.beside, max(f.step, before.step), max(f.row, before.row), min(f.chance, before.chance)
}
