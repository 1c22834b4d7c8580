package pool_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/internal/golden"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// TestOpenings verifies two senders at servers that open a session in odd ways, which are
// drawn by a seed, and compares the transcripts and the errors with testdata/openings.txt.
// It is written anew as testdata/forms.txt is.
func TestOpenings(t *testing.T) {
	golden.CompareDrawn(t, "testdata/openings.txt", 60,
		golden.Form{Name: "opening", Draw: opening(t, false)}, golden.Form{Name: "login", Draw: opening(t, true)},
	)
}

// opening draws a server that has TLS or not, and faults of it.
func opening(t *testing.T, login bool) func(*rand.Rand) (input, outcome string) {
	return func(rng *rand.Rand) (input, outcome string) {
		c := smtptest.Config{Latency: 10 * time.Millisecond, StartTLS: rng.IntN(3) > 0}
		if login {
			c.Users = map[string]string{"me": canary}
			c.RequireAuth = rng.IntN(2) == 0
		}
		mode := golden.One(rng, pool.TLSMandatory, pool.TLSOpportunistic, pool.TLSOpportunistic, pool.TLSNone)
		rule := smtptest.Rule{
			Stage: golden.One(rng, smtptest.StageConnect, smtptest.StageHelo, smtptest.StageHelo, smtptest.StageStartTLS, smtptest.StageHandshake, smtptest.StageMail, smtptest.StageRset),
			Times: rng.IntN(3), Fault: golden.One(rng, append(saidAt, reply("500 5.5.1 what"), reply("502 5.5.1 not here"), reply("454 4.7.0 no TLS now"), reply("250-mx\n250 SIZE 0"))...),
		}
		if login && rng.IntN(2) == 0 {
			rule.Stage = smtptest.StageAuth
		}
		if rule.Stage == smtptest.StageAuth && rule.Fault.End == smtptest.Stall {
			rule.Fault.End = smtptest.Close // a login has two timers, of which either may come first
		}
		needs := golden.One(rng, pool.TLSPolicy{}, pool.TLSPolicy{}, pool.TLSPolicy{Need: pool.NeedWebPKI, Names: []string{"mx.test"}})
		if mode != pool.TLSMandatory {
			needs = pool.TLSPolicy{}
		}
		input = fmt.Sprintf("STARTTLS %v, TLS %s, need %q, login required %v, %d times %s", c.StartTLS, mode, needs.Need, c.RequireAuth, rule.Times, shownRule(rule))
		synctest.Test(t, func(t *testing.T) {
			c.Fault = smtptest.Rules(rule)
			lines := &transcripts{said: map[uint64][]string{}}
			r := newRig(t, c, pool.Config{Transcript: lines.writer})
			defer r.close()
			r.endpoint.TLS, r.endpoint.TLSPolicy, r.endpoint.AllowInsecureLogin = mode, needs, mode == pool.TLSNone
			if login {
				withLogin(r, "me", canary)
			}
			var told []string
			for range 2 {
				told = append(told, golden.Outcome("verified", r.pool.Verify(never, r.endpoint, "a@client.test", "b@client.test")))
				time.Sleep(10 * time.Second)
			}
			r.pool.Close()
			outcome = strings.Join(append(told, lines.told()...), " | ")
		})
		return input, outcome
	}
}

// transcripts keeps the transcripts of a Pool: the last line of each reply, and neither
// times nor addresses.
type transcripts struct {
	mu   sync.Mutex
	said map[uint64][]string
}

func (t *transcripts) writer(_ string, id uint64) io.Writer { return lineWriter{t, id} }

type lineWriter struct {
	*transcripts
	id uint64
}

// between is a line that another follows, or that names addresses.
var between = regexp.MustCompile(`^(S: \d\d\d-|-- connected from|-- dial )`)

// suite is a cipher suite, which depends on the processor.
var suite = regexp.MustCompile(`TLS_\w+`)

func (w lineWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	words := strings.SplitN(strings.TrimSuffix(string(p), "\n"), " ", 3) // time, number, line
	if line := suite.ReplaceAllString(words[2], "SUITE"); !between.MatchString(line) {
		w.said[w.id] = append(w.said[w.id], line)
	}
	return len(p), nil
}

// told returns the transcripts, one behind the other.
func (t *transcripts) told() (all []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := uint64(1); t.said[id] != nil; id++ {
		all = append(all, fmt.Sprint("#", id, " ", strings.Join(t.said[id], " / ")))
	}
	return all
}
