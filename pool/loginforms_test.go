package pool

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/internal/golden"
	"github.com/wneessen/go-mail"
)

// TestLoginForms logs in at servers whose answers are drawn by a seed, three times with a
// pause in between, and compares what the client says and what the user is told with
// testdata/logins.txt, which is written anew as testdata/forms.txt is.
func TestLoginForms(t *testing.T) {
	golden.CompareDrawn(t, "testdata/logins.txt", 100,
		golden.Form{Name: "login", Draw: func(rng *rand.Rand) (string, string) { return formLogin(t, rng, false) }},
		golden.Form{Name: "own mechanism", Draw: func(rng *rand.Rand) (string, string) { return formLogin(t, rng, true) }},
	)
}

func formLogin(t *testing.T, rng *rand.Rand, own bool) (input, outcome string) {
	mechanisms := []string{"PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "EXTERNAL"}
	named := golden.One(rng, mechanisms...)
	offers := strings.Fields(golden.Some(rng, 0, 2, "PLAIN ", "LOGIN ", "CRAM-MD5 ", "X ") + golden.One(rng, named, named, named, ""))
	if rng.IntN(2) == 0 {
		named = ""
	}
	if own {
		named, offers = "X-OWN", []string{golden.One(rng, "x-own", "X-OWN", "X-OWN", "X")}
	}
	var answers []string
	for range 1 + rng.IntN(4) {
		answers = append(answers, golden.One(rng, "235 ok", "235 ok", "334", "334 ", "334 "+encode("go on"), "334 ***", "535 5.7.8 no", "535 5.7.8 no", "454 4.7.0 not now",
			"501 5.5.2 what", "504 5.5.4 unrecognized auth", "538 5.7.11 encrypt", "503 already logged in", "503 bad sequence", "221 bye", "421 4.3.2 closing", "354 go", "599 pass word"))
	}
	pause := golden.One(rng, time.Second, 59*time.Second, 61*time.Second, 11*time.Minute)
	synctest.Test(t, func(t *testing.T) {
		a := &authServer{offers: "250 AUTH " + strings.Join(offers, " ")}
		e := a.endpoint()
		if own {
			e.Credentials, e.SASL = nil, func(context.Context) (SASL, error) { return ownLogin{}, nil }
		} else {
			e.Auth = mail.SMTPAuthType(named)
		}
		outcome = strings.Join(logsInThrice(t, a, e, answers, pause), " | ")
	})
	return fmt.Sprintf("%q of %q, answers %q, pauses of %v", named, offers, answers, pause), outcome
}

// logsInThrice returns what is said and what becomes of three logins, each of which gets
// the answers.
func logsInThrice(t *testing.T, a *authServer, e Endpoint, answers []string, pause time.Duration) (said []string) {
	p := newTestPool(t)
	defer p.Close()
	start := time.Now()
	for range 3 {
		left := answers
		a.says = func(line string) string {
			said = append(said, decodedLine(line))
			if len(left) == 0 {
				return "535 5.7.8 no more"
			}
			answer := left[0]
			left = left[1:]
			return answer
		}
		outcome := golden.Outcome("logged in", p.Verify(t.Context(), e))
		said = append(said, sinceStart(start, outcome))
		time.Sleep(pause)
	}
	return said
}

var aTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT[^ ,]*`)

// sinceStart returns a text with its times as what has passed since the start.
func sinceStart(start time.Time, text string) string {
	return aTime.ReplaceAllStringFunc(text, func(s string) string {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return s
		}
		return at.Sub(start).String()
	})
}

// decodedLine returns a line of a client with what is in base64 as it is.
func decodedLine(line string) string {
	words := strings.Split(line, " ")
	if text, err := base64.StdEncoding.DecodeString(words[len(words)-1]); err == nil && len(words) != 2 {
		words[len(words)-1] = fmt.Sprintf("%q", text)
	}
	return strings.Join(words, " ")
}
