package simulate

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Receiver is a host that mail is sent to. Its Rules are asked in order, and
// the first that refuses gives the answer; those before it have counted. A
// Receiver without Rules accepts everything.
type Receiver struct {
	// Service is the mean time between the final dot and its reply; zero is
	// 20 ms. It varies by up to half, evenly.
	Service time.Duration
	// Tarpit slows down a sender that is too fast, if its Free is not nil.
	Tarpit Tarpit
	// Takes, if not nil, makes a function for each run that returns the time
	// between a dot and its reply, in place of Service. open is the number of
	// connections at that time.
	Takes func(rng *rand.Rand) func(now time.Duration, open int) time.Duration
	Rules []Rule
}

// Tarpit delays the reply to the final dot by Delay whenever Free does not
// admit the message.
type Tarpit struct {
	Free  Model
	Delay time.Duration
}

// Rule is one limit of a receiver and the reply when it is hit.
type Rule struct {
	// At is the stage at which the Model is asked: StageConnect (a refusal resets
	// the connection, without a reply), StageBanner, StageMail or StageRcpt.
	At classify.Stage
	// Domain is the destination that the rule concerns, with StageRcpt; empty is
	// all.
	Domain string
	// Sender is the domain of the envelope sender, or its address, that the rule
	// concerns, with StageMail or StageRcpt; empty is all. Tenant is the same for tenants.
	Sender, Tenant string
	Model
	// Reply is a reply in one line, "450 4.7.1 too much mail". Behind a 421
	// the receiver closes; with an empty one it closes without a word. It is not
	// used at StageConnect.
	Reply string
	// Asks, if not nil, has the reply ask for a delay.
	Asks Asking
}

// validate reports the mistakes of a rule.
func (r Rule) validate() error {
	switch r.At {
	case classify.StageConnect, classify.StageBanner, classify.StageMail, classify.StageRcpt:
	default:
		return fmt.Errorf("a rule is asked at %v; want connect, banner, MAIL or RCPT", r.At)
	}
	if r.Domain != "" && r.At != classify.StageRcpt {
		return fmt.Errorf("a rule about %s is asked at %v; want RCPT, where a receiver learns of it", r.Domain, r.At)
	}
	if r.Sender+r.Tenant != "" && r.At != classify.StageMail && r.At != classify.StageRcpt {
		return fmt.Errorf("a rule about a sender is asked at %v; want MAIL or RCPT, where a receiver knows of it", r.At)
	}
	if r.Model == nil {
		return fmt.Errorf("a rule at %v has no model", r.At)
	}
	if code, _ := parseReply(r.Reply); r.At != classify.StageConnect && r.Reply != "" && (code < 400 || code > 599) {
		return fmt.Errorf("the reply of a rule at %v is %q; want a code from 400 to 599 and a text", r.At, r.Reply)
	}
	return nil
}

func parseReply(reply string) (code int, text string) {
	digits, text, _ := strings.Cut(reply, " ")
	code, err := strconv.Atoi(digits)
	if err != nil {
		return 0, ""
	}
	return code, text
}

// answer is a reply of a receiver, or the fault in its place.
type answer struct {
	stage   classify.Stage
	err     error
	verdict classify.Verdict
	code    int  // 0 when it is not a reply
	closes  bool // whether the receiver closes behind it
}

// answer returns the reply of the rule with its verdict.
func (r Rule) answer() *answer {
	if r.At == classify.StageConnect {
		return fault(r.At, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	}
	if r.Reply == "" {
		return fault(r.At, io.EOF)
	}
	code, text := parseReply(r.Reply)
	reply := classify.NewReply(code, text)
	return &answer{
		stage: r.At, err: reply, verdict: classify.Of(r.At, reply), code: code,
		closes: code == 421 || r.At == classify.StageBanner,
	}
}

// fault returns the answer of a connection that is gone.
func fault(at classify.Stage, err error) *answer {
	return &answer{stage: at, err: err, verdict: classify.Of(at, err), closes: true}
}
