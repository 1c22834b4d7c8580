package pool

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/smtpace/smtpace/internal/redact"
)

// refusalGaps are the times after which a refused login is offered again, by the number
// of refusals in a row. Programs that watch logs, such as fail2ban, ban an address after
// five refusals in ten minutes.
var refusalGaps = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

const (
	// switchGap is the time after which a refused login is offered by a mechanism of
	// another manner. Some servers offer mechanisms of challenge and response for which
	// they do not have the secrets.
	switchGap = time.Second

	// maxRefusals bounds the refused logins within refusalsWithin, whatever the
	// secrets were: Credentials may make a new one at each call.
	maxRefusals    = 4
	refusalsWithin = 10 * time.Minute

	// failureLife is the time for which a failed mechanism comes last.
	failureLife = 24 * time.Hour
)

// logins is the record of the logins at an endpoint. The zero value is an empty one. It
// is safe for concurrent use.
type logins struct {
	mu       sync.Mutex
	identity identity                          // that was refused last
	refusal  error                             // the reply to it; nil since a login worked
	until    time.Time                         // the time before which it is not offered again
	refused  int                               // the number of gaps so far
	recent   [maxRefusals]time.Time            // the last refusals of any identity, the newest first
	worked   mail.SMTPAuthType                 // the mechanism of the last login that worked
	failures map[mail.SMTPAuthType]authFailure // the mechanisms that failed
}

// authFailure is the failure of a mechanism.
type authFailure struct {
	at     time.Time
	of     identity // the login that was offered
	broken bool     // whether the server said so, else the login may be wrong
}

// identity stands for a user and a secret, and does not tell them.
type identity [sha256.Size]byte

// identityKey is the key of all identities of the process.
var identityKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	rand.Read(key)
	return key
})

// newIdentity returns the identity of a login.
func newIdentity(user, secret string) identity {
	mac := hmac.New(sha256.New, identityKey())
	fmt.Fprintf(mac, "%d %s%s", len(user), user, secret)
	return identity(mac.Sum(nil))
}

// credentials are the results of Endpoint.Credentials.
type credentials struct{ user, secret string }

// worthDialing returns an error if the login of the endpoint would not be offered, so
// that there is no need for a connection. It waits for a login that is to be offered by
// another mechanism in a moment. It returns the credentials if it had to ask for them.
func (l *logins) worthDialing(ctx context.Context, e Endpoint, timeout time.Duration) (*credentials, error) {
	l.mu.Lock()
	refused := l.refusal != nil
	l.mu.Unlock()
	if !refused || e.Credentials == nil {
		return nil, nil
	}
	asked, err := e.askCredentials(ctx, timeout)
	if err != nil {
		return nil, err
	}
	id := newIdentity(asked.user, asked.secret)
	if wait := time.Until(l.notBefore(id)); wait > 0 && wait <= switchGap {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return asked, l.mayOffer(time.Now(), id)
}

// notBefore returns the time before which a login must not be offered.
func (l *logins) notBefore(id identity) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.notBeforeLocked(id)
}

func (l *logins) notBeforeLocked(id identity) (t time.Time) {
	if l.refusal != nil && l.identity == id {
		t = l.until
	}
	if oldest := l.recent[maxRefusals-1]; !oldest.IsZero() && oldest.Add(refusalsWithin).After(t) {
		t = oldest.Add(refusalsWithin)
	}
	return t
}

// mayOffer returns an error, which matches errLoginRefused and wraps the reply, if a
// login must wait.
func (l *logins) mayOffer(now time.Time, id identity) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	until := l.notBeforeLocked(id)
	if !until.After(now) {
		return nil
	}
	return fmt.Errorf("%w until %s, unless the credentials change: %w", errLoginRefused, until.Format(time.RFC3339), l.refusal)
}

// rank returns mechanisms in the order in which to try them with a login. The one that
// worked last comes first, then those without a failure, then those that have failed
// with this login, the longest ago first. The broken ones come last.
func (l *logins) rank(now time.Time, id identity, mechanisms []mail.SMTPAuthType) []mail.SMTPAuthType {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := func(m mail.SMTPAuthType) (group int, failed time.Time) {
		f, ok := l.failures[m]
		switch {
		case !ok || now.Sub(f.at) >= failureLife || !f.broken && f.of != id:
			if m == l.worked {
				return 0, time.Time{}
			}
			return 1, time.Time{}
		case f.broken:
			return 3, f.at
		}
		return 2, f.at
	}
	ranked := slices.Clone(mechanisms)
	slices.SortStableFunc(ranked, func(a, b mail.SMTPAuthType) int {
		groupA, failedA := place(a)
		groupB, failedB := place(b)
		return cmp.Or(cmp.Compare(groupA, groupB), failedA.Compare(failedB))
	})
	return ranked
}

// accepted notes that a login worked.
func (l *logins) accepted(m mail.SMTPAuthType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failures, m)
	l.worked = m
	l.identity, l.refusal = identity{}, nil
	l.recent = [maxRefusals]time.Time{}
}

// broke notes that the server cannot do an offered mechanism.
func (l *logins) broke(now time.Time, m mail.SMTPAuthType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(m, authFailure{at: now, broken: true})
}

// acquit forgets the failures of mechanisms that all failed in one dialogue: none of them
// is to blame, and what they were told is a refusal of the login.
func (l *logins) acquit(mechanisms []mail.SMTPAuthType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range mechanisms {
		delete(l.failures, m)
	}
}

// tripped notes that a login by a mechanism ended for another reason than the secret.
// One that has worked is not blamed.
func (l *logins) tripped(now time.Time, id identity, m mail.SMTPAuthType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m != l.worked {
		l.failLocked(m, authFailure{at: now, of: id})
	}
}

// failLocked notes a failure.
func (l *logins) failLocked(m mail.SMTPAuthType, f authFailure) {
	if l.failures == nil {
		l.failures = make(map[mail.SMTPAuthType]authFailure)
	}
	l.failures[m] = f
}

// refuse notes that a login by a mechanism was refused, of those that could have been
// tried.
func (l *logins) refuse(now time.Time, id identity, m mail.SMTPAuthType, mechanisms []mail.SMTPAuthType, reply error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.identity != id {
		l.identity, l.refused = id, 0
	}
	l.refusal = reply
	copy(l.recent[1:], l.recent[:])
	l.recent[0] = now
	if m != l.worked && l.othersLocked(now, id, m, mechanisms) {
		l.until = now.Add(switchGap)
		return
	}
	l.until = now.Add(refusalGaps[min(l.refused, len(refusalGaps)-1)])
	l.refused++
}

// othersLocked notes the refusal of a login for all mechanisms that would be refused
// alike. It reports whether a mechanism is left.
func (l *logins) othersLocked(now time.Time, id identity, m mail.SMTPAuthType, mechanisms []mail.SMTPAuthType) (left bool) {
	for _, other := range mechanisms {
		f, failed := l.failures[other]
		if failed && f.broken {
			continue
		}
		if other == m {
			l.failLocked(m, authFailure{at: now, of: id})
			continue
		}
		if manner(other) == manner(m) { // its turn is before that of m
			l.failLocked(other, authFailure{at: now.Add(-1), of: id})
			continue
		}
		left = left || !failed || f.of != id
	}
	return left
}

// manner returns how a mechanism shows the secret: what is refused of one is refused of
// all of the same manner.
func manner(m mail.SMTPAuthType) string {
	switch {
	case m == mail.SMTPAuthPlain || m == mail.SMTPAuthLogin:
		return "sent"
	case strings.HasSuffix(string(m), "-PLUS"): // wrong also where TLS ends in front of the server
		return "proved over the channel"
	}
	return "proved"
}

// askCredentials calls Credentials within a time. EXTERNAL needs none.
func (e Endpoint) askCredentials(ctx context.Context, timeout time.Duration) (*credentials, error) {
	if e.Credentials == nil {
		return &credentials{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var user, secret string
	asked, err := called("Credentials", func() (*credentials, error) {
		var err error
		user, secret, err = e.Credentials(ctx)
		return &credentials{user, secret}, err
	})
	if err != nil {
		return nil, fmt.Errorf("pool: no credentials: %w", redact.New(user, secret).Clean(err))
	}
	return asked, asked.check()
}

// check returns an error for a login that no mechanism may carry. It does not tell it.
func (c *credentials) check() error {
	for _, part := range [...]struct{ what, value string }{{"user name", c.user}, {"secret", c.secret}} {
		what, value := part.what, part.value
		i := strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
		switch {
		case i < 0:
		case strings.TrimRight(value, "\r\n") == value[:i]:
			return fmt.Errorf("%w: the %s ends with a line break, as text of a file does", ErrCredentials, what)
		default:
			return fmt.Errorf("%w: the %s contains the control character %U", ErrCredentials, what, value[i])
		}
	}
	return nil
}

// errLoginEnded is the error of a login whose mechanism could not go on, while the
// session still can.
var errLoginEnded = errors.New("pool: the login was cancelled")
