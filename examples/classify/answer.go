package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// answer is a receiver's answer as a line has it, or the words of the sending server
// has decided by itself.
type answer struct {
	text  string // the reply, or what the log says where there is none
	err   error  // the same for classify; nil when the line has no answer
	fault error  // why the line cannot be read

	class classify.Class // what the log itself says that it is; Unknown mostly
	fate  fate           // the same for the recipient; undecided mostly
	own   bool           // decided by the sending server, without a reply that counts

	stage    classify.Stage
	provider string // the name of a profile, or what the input has in its place
	domain   string // the recipient's
	host     string // the server that answered
	relay    bool   // whether the log calls that server a relay
	source   string // the address from which the mail was sent; "" where the log does not tell
	ordinal  int    // of the message on its connection; 0 when it is not known

	id        string // of the message in the log; "" for unknown
	process   string // that sent it; "" for unknown
	recipient string // of the mail; "" for unknown
	ofServer  bool   // whether the line tells of the server, and another one of the recipient
	again     bool   // whether the reply is that of the answer before, from the same line

	time time.Time     // when it was logged; zero when that is not known
	took time.Duration // how long the connection and the message took until then
}

// fate is the outcome of a recipient as a log has it.
type fate uint8

const (
	fateOpen fate = iota
	fateLater
	fateRefused
)

// ofPlain reads "reply<TAB>stage<TAB>provider".
func ofPlain(line string) answer {
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

// plain reads a list of replies.
type plain struct{}

func (plain) parse(e *entry, to []answer) ([]answer, string) { return append(to, ofPlain(e.line)), "" }

// accepted is the reply to a message that was taken, whatever its words.
var accepted = classify.NewReply(250, "")

// take notes a reply; a text that is none is a decision of the sending server.
func (a *answer) take(text string) {
	a.text = text
	if isAccepted(text) {
		a.err = accepted
		return
	}
	if reply, err := classify.ParseReply(text); err == nil {
		a.err = reply
		return
	}
	a.decide(text)
}

// isAccepted reports whether a text is a positive reply on one line.
func isAccepted(text string) bool {
	return len(text) >= 4 && text[0] == '2' && isDigit(text[1]) && isDigit(text[2]) && text[3] == ' '
}

// replyAfter finds the reply in "MAIL FROM:<a@example.com> SIZE=1: 421 text": it begins
// behind the first ": " that a code follows. It returns false where there is none.
func replyAfter(said string) (string, bool) {
	for rest := said; ; {
		_, after, found := strings.Cut(rest, ": ")
		if !found {
			return "", false
		}
		if len(after) >= 3 && (after[0] == '2' || after[0] == '4' || after[0] == '5') {
			if _, err := classify.ParseReply(after); err == nil {
				return after, true
			}
		}
		rest = after
	}
}

// stages are the words of mail servers for the stage of a session; the longer ones
// before those they begin with.
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
	{".", classify.StageDot},
}

// stageIn returns the stage that a text begins with, after "the" and "pipelined".
func stageIn(text string) classify.Stage {
	text = strings.ToLower(text[:min(len(text), 40)])
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
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return ""
	}
	return lower(strings.Trim(address[i+1:], ".>: "))
}

// lower does what strings.ToLower does, faster where there is nothing to do.
func lower(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 'A' && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(text)
		}
	}
	return text
}

// isLoopback reports whether a server is on this machine: a content filter. Its delivery
// does not count.
func isLoopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1" || strings.HasPrefix(host, "localhost.")
}
