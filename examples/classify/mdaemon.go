package main

import (
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// mdaemon reads the sessions in the log SMTP-(out) of MDaemon, line by line:
//
//	Mon 2026-11-23 10:11:12.123: 02: --> RCPT To:<ann@example.net>
//	Mon 2026-11-23 10:11:12.345: 02: <-- 450 4.2.1 text
//
// The last command tells what a reply answers. Where the log names the sessions in
// brackets they may be interleaved.
type mdaemon struct {
	sessions map[string]*mdaemonSession
}

type mdaemonSession struct {
	id, host, source string
	stage            classify.Stage
	recipients       []string // of the transaction
	asked            int      // how many of them have had a reply
	began            time.Time
	reply            string // the lines of one that have come so far
}

// maxMDaemonRecipients bounds the recipients of a transaction.
const maxMDaemonRecipients = 1000

func (m *mdaemon) parse(e *entry, to []answer) ([]answer, string) {
	at, key, text, ok := mdaemonLine(e.line)
	if !ok {
		return to, ""
	}
	s := m.session(key)
	switch {
	case strings.HasPrefix(text, "Session "):
		id, _, _ := strings.Cut(text[len("Session "):], ";")
		*s = mdaemonSession{id: strings.Clone(id), stage: classify.StageConnect, began: at}
		return to, "lines of a session"
	case strings.HasPrefix(text, "Attempting SMTP connection to ["):
		s.reach(text[len("Attempting SMTP connection to ["):])
		return to, "lines of a session"
	case strings.HasPrefix(text, "*  Connection established ("):
		source, _, _ := strings.Cut(text[len("*  Connection established ("):], ":")
		s.source, s.stage, s.began = strings.Clone(source), classify.StageBanner, at
		return to, "lines of a session"
	case strings.HasPrefix(text, "*  To: "):
		s.recipients, s.asked = []string{strings.Clone(text[len("*  To: "):])}, 0
		return to, "lines of a session"
	case strings.HasPrefix(text, "--> "):
		s.command(text[len("--> "):])
		return to, "commands"
	case strings.HasPrefix(text, "<-- "):
		return s.answered(at, text[len("<-- "):], to)
	case s.stage < classify.StageMail && s.id != "" && judgedByError(failureIn(text, strings.ToLower(text))):
		a := answer{time: at, stage: classify.StageConnect, host: s.host, id: s.id, process: key}
		if len(s.recipients) > 0 {
			a.recipient = s.recipients[0]
			a.domain = domainOf(a.recipient)
		}
		a.decide(strings.TrimLeft(text, "* "))
		a.refine("", false)
		return append(to, a), ""
	}
	return to, "lines of a session"
}

// mdaemonLine splits "Mon 2026-11-23 10:11:12.123: 02: [1234] text"; the level and the
// session may be absent.
func mdaemonLine(line string) (at time.Time, session, text string, ok bool) {
	line = strings.TrimLeft(line, " ")
	if strings.HasPrefix(line, "----") || line == "" {
		return at, "", line, line != ""
	}
	at, n := readTime(line)
	if n < len("Mon 2026-11-23 10:11:12") || !strings.HasPrefix(line[n:], ": ") || isDigit(line[0]) {
		return at, "", "", false
	}
	text = line[n+2:]
	if len(text) > 4 && isDigit(text[0]) && isDigit(text[1]) && text[2:4] == ": " {
		text = text[4:]
	}
	if id, rest, found := strings.Cut(text, "] "); found && len(id) > 1 && id[0] == '[' && isDigit(id[1]) {
		session, text = id[1:], rest
	}
	return at, session, text, true
}

func (m *mdaemon) session(key string) *mdaemonSession {
	s := m.sessions[key]
	if s == nil {
		if m.sessions == nil || len(m.sessions) >= maxUnderWay {
			m.sessions = map[string]*mdaemonSession{}
		}
		s = &mdaemonSession{}
		m.sessions[strings.Clone(key)] = s
	}
	return s
}

// reach notes the server; the address that comes last says less than its name.
func (s *mdaemonSession) reach(target string) {
	host, _, _ := strings.Cut(target, "]")
	host, _, _ = strings.Cut(host, ":")
	if host = lower(host); strings.Trim(host, "0123456789.") != "" || s.host == "" {
		s.host = strings.Clone(host)
	}
}

// command notes what the next reply answers.
func (s *mdaemonSession) command(line string) {
	s.reply = ""
	folded := strings.ToLower(line[:min(len(line), 16)])
	switch {
	case strings.HasPrefix(folded, "rcpt to:"):
		if s.stage != classify.StageRcpt {
			s.recipients, s.asked = nil, 0
		}
		address, _, _ := strings.Cut(line[len("rcpt to:"):], ">")
		if len(s.recipients) < maxMDaemonRecipients {
			s.recipients = append(s.recipients, strings.Clone(strings.Trim(address, "< ")))
		}
		s.stage = classify.StageRcpt
	case strings.HasPrefix(folded, "quit"):
		s.stage = classify.StageQuit
	case folded == ".":
		s.stage = classify.StageDot
	case strings.HasPrefix(folded, "rset"):
		s.stage = classify.StageRset
	default:
		if stage := stageIn(line); stage != classify.StageUnknown {
			s.stage = stage
		}
	}
}

// answered takes a line of a reply; the last one of a refusal, or of the reply to the
// dot, is an answer.
func (s *mdaemonSession) answered(at time.Time, line string, to []answer) ([]answer, string) {
	if len(s.reply) < maxLine {
		s.reply += line + "\n"
	}
	if len(line) > 3 && line[3] == '-' {
		return to, "replies that go on"
	}
	text := strings.TrimSuffix(s.reply, "\n")
	s.reply = ""
	a := answer{time: at, stage: s.stage, host: s.host, source: s.source, id: s.id}
	if took := at.Sub(s.began); took > 0 && took < time.Hour {
		a.took = took
	}
	if len(s.recipients) > 0 {
		i := len(s.recipients) - 1
		if s.stage == classify.StageRcpt { // pipelined, they come in the order of the commands
			i = min(s.asked, i)
			s.asked++
		}
		a.recipient = s.recipients[i]
		a.domain = domainOf(a.recipient)
	}
	switch {
	case strings.HasPrefix(text, "354") && (s.stage == classify.StageData || s.stage == classify.StageRcpt):
		s.stage = classify.StageDot // the text of the message is not logged
		return to, "replies that are no answer"
	case s.stage == classify.StageQuit, s.stage == classify.StageRset, strings.HasPrefix(text, "3"),
		strings.HasPrefix(text, "2") && s.stage != classify.StageDot:
		return to, "replies that are no answer"
	}
	a.take(text)
	return append(to, a), ""
}
