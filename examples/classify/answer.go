package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// answer is what a line says of a receiver's answer. The zero answer is that of a
// line without any.
type answer struct {
	line  int
	text  string // the reply, or what the log says where there is none
	err   error  // the same for classify; nil when the line has no answer
	fault error  // why the line cannot be read

	class classify.Class // what the log itself says that it is; Unknown mostly

	stage    classify.Stage
	provider string // the name of a profile, or what the input has in its place
	domain   string // the recipient's
	host     string // the server that answered
	ordinal  int    // of the message on its connection; 0 when it is not known

	time time.Time     // when it was logged; zero when that is not known
	took time.Duration // how long the connection and the message took until then
}

// destination is the name under which the report has the answer.
func (a *answer) destination() string {
	for _, name := range []string{a.provider, a.domain, a.host} {
		if name != "" {
			return name
		}
	}
	return "(unknown)"
}

// parsePlain reads "reply<TAB>stage<TAB>provider".
func parsePlain(line string) answer {
	text, rest, _ := strings.Cut(line, "\t")
	stage, rest, _ := strings.Cut(rest, "\t")
	provider, _, _ := strings.Cut(rest, "\t")
	a := answer{text: text, stage: classify.StageUnknown, provider: strings.ToLower(strings.TrimSpace(provider))}
	if stage = strings.TrimSpace(stage); stage != "" {
		if err := a.stage.UnmarshalText([]byte(stage)); err != nil {
			a.stage, a.fault = classify.StageUnknown, err
		}
	}
	reply, err := classify.ParseReply(text)
	if err != nil {
		a.fault = err
		return a
	}
	a.err = reply
	return a
}

// setText judges a text: a reply, or the words in which mail servers tell of
// failures.
func (a *answer) setText(text string) {
	a.text = text
	if reply, err := classify.ParseReply(text); err == nil {
		a.err = reply
		return
	}
	if a.err = failureIn(text); errors.Is(a.err, noSuchDomain) {
		a.stage = classify.StageUnknown // no session was needed to say so
	}
}

// failures are the words for what went wrong without a reply.
var failures = []struct {
	words string
	err   error
}{
	{"connection refused", syscall.ECONNREFUSED},
	{"network is unreachable", syscall.ENETUNREACH},
	{"no route to host", syscall.EHOSTUNREACH},
	{"connection reset", syscall.ECONNRESET},
	{"timed out", os.ErrDeadlineExceeded},
	{"timeout", os.ErrDeadlineExceeded},
	{"lost connection", io.EOF},
	{"closed connection", io.EOF},
	{"host not found, try again", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"host lookup did not complete", &net.DNSError{Err: "no answer", IsTemporary: true}},
	{"host or domain name not found", noSuchDomain},
	{"unrouteable address", noSuchDomain},
}

// noSuchDomain is what a server would say, had the domain one (RFC 3463 3.2).
var noSuchDomain = classify.NewReply(550, "5.1.2 host or domain name not found")

// failureIn returns an error of the kind that a text tells of.
func failureIn(text string) error {
	folded := strings.ToLower(text)
	for _, f := range failures {
		if strings.Contains(folded, f.words) {
			return fmt.Errorf("%s: %w", text, f.err)
		}
	}
	return errors.New(text)
}

// stages are the words of mail servers for the stage of a session; the longer
// ones before those they begin with.
var stages = []struct {
	words string
	stage classify.Stage
}{
	{"end of data", classify.StageDot},
	{"message body", classify.StageBody},
	{"initial server greeting", classify.StageBanner},
	{"initial connection", classify.StageBanner},
	{"starttls", classify.StageStartTLS},
	{"ehlo", classify.StageEHLO},
	{"helo", classify.StageEHLO},
	{"auth", classify.StageAuth},
	{"mail from", classify.StageMail},
	{"rcpt to", classify.StageRcpt},
	{"data", classify.StageData},
}

// stageIn returns the stage that a text begins with, after "the" and
// "pipelined".
func stageIn(text string) classify.Stage {
	text = strings.ToLower(text)
	text = strings.TrimPrefix(strings.TrimPrefix(text, "the "), "pipelined ")
	for _, s := range stages {
		if strings.HasPrefix(text, s.words) {
			return s.stage
		}
	}
	return classify.StageUnknown
}

// domainOf returns what stands behind the last @.
func domainOf(address string) string {
	i := strings.LastIndex(address, "@")
	if i < 0 {
		return ""
	}
	return strings.ToLower(strings.Trim(address[i+1:], ".>:"))
}
