package smtpace

import (
	"strings"
	"time"
)

const (
	// latelyFor is the time for which an accepted message proves that its sender
	// is welcome.
	latelyFor = time.Minute
	// maxLately is the number of senders that are remembered. Where there are
	// more, some are taken for new ones.
	maxLately = 1000
)

// senders holds the envelope senders with mail lately accepted by a relay, by their
// senderKey, and the times. The zero value has none.
type senders map[string]time.Time

// accepted notes that mail of a sender was accepted.
func (s *senders) accepted(from string, now time.Time) {
	if *s == nil {
		*s = senders{}
	}
	from = senderKey(from)
	if _, known := (*s)[from]; !known && len(*s) >= maxLately {
		s.tidy(now)
	}
	(*s)[from] = now
}

// tidy drops the senders that are not recent, or all when all of them are.
func (s *senders) tidy(now time.Time) {
	for from, at := range *s {
		if now.Sub(at) > latelyFor {
			delete(*s, from)
		}
	}
	if len(*s) >= maxLately {
		clear(*s)
	}
}

// lately reports whether mail of a sender was accepted within latelyFor.
func (s senders) lately(from string, now time.Time) bool {
	at, ok := s[senderKey(from)]
	return ok && now.Sub(at) <= latelyFor
}

// senderKey returns a sender without what tells its return addresses apart, each of which
// may be used once: all behind a plus sign (RFC 5233), or behind the first hyphen where
// an equals sign follows, as in a VERP address (news-return-7-ann=example.org).
func senderKey(from string) string {
	at := strings.LastIndexByte(from, '@')
	if at < 0 || from[0] == '"' {
		return from
	}
	local := from[:at]
	i := strings.IndexByte(local, '+')
	if i < 0 {
		i = strings.IndexByte(local, '-')
		if strings.IndexByte(local, '=') < i {
			return from
		}
	}
	if i <= 0 {
		return from
	}
	return from[:i] + from[at:]
}
