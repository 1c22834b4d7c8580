package throttle

import "time"

// hardlyAny is the part of what was accepted before an outage that goes on although a few
// were accepted in it: small messages pass where larger ones are refused.
const hardlyAny = 0.1

// spell is the time in which a receiver accepted much before it refused nearly everything,
// and what it has accepted since it began. The zero spell is none.
type spell struct {
	n    float64
	from time.Time
}

// ends notes that an outage ends behind n that were accepted since a time.
func (s *spell) ends(n float64, since time.Time) {
	if n <= hardlyAny*s.n {
		s.n += n
		return
	}
	*s = spell{n, since}
}

// goesOn reports whether a long outage behind n accepted ones is the one that has ended the
// spell.
func (s *spell) goesOn(n float64, o *outage) bool {
	return o.length() >= banLength && n <= hardlyAny*s.n
}
