package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// senderLog reads what a Sender of package smtpace logs by log/slog, as text or as
// JSON:
//
//	time=2026-11-23T10:11:12.345Z level=DEBUG msg="smtpace: try" number=7 destination=example.net relay=mx.example.net:25
//	ordinal=3 recipients=1 delivered=0 took=31ms recipient=ann@example.net stage=RCPT class=rate-limited error="450 4.2.1 text"
//
// Every try is an answer. Where the log has no tries, as from level INFO on, the
// outcome of each recipient is one.
type senderLog struct {
	tries bool // whether it has any
	pairs map[string]string
}

// The messages of a Sender that tell of answers.
const (
	msgTry     = "smtpace: try"
	msgSettled = "smtpace: recipient settled"
)

func (s *senderLog) parse(e *entry, to []answer) ([]answer, string) {
	text := e.text
	if e.program == "smtpace" && e.pid == "" { // no tag of syslog: it is the message
		text = e.rest
	}
	if !strings.Contains(text, "smtpace: ") || !s.read(text) {
		return to, ""
	}
	message := s.pairs["msg"]
	if !strings.HasPrefix(message, "smtpace: ") {
		return to, ""
	}
	switch {
	case message == msgTry:
		s.tries = true
		return s.try(s.answer(e), to)
	case message == msgSettled && !s.tries:
		return s.settled(s.answer(e), to)
	case message == msgSettled:
		return to, "outcomes whose answers stand in other lines"
	}
	return to, "records without an answer"
}

// read takes the pairs of a record: JSON, or key=value with Go's quotation marks.
func (s *senderLog) read(line string) bool {
	if s.pairs == nil {
		s.pairs = map[string]string{}
	}
	clear(s.pairs)
	if strings.HasPrefix(line, "{") {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) != nil {
			return false
		}
		for key, value := range record {
			switch value := value.(type) {
			case string:
				s.pairs[key] = value
			case float64:
				s.pairs[key] = strconv.FormatFloat(value, 'f', -1, 64)
			}
		}
		return true
	}
	if i := strings.Index(line, " smtpace: "); i > 0 && !strings.Contains(line[:i+1], "=") { // slog.Default
		words, _, _ := strings.Cut(line[i+1:], "=")
		s.pairs["msg"] = strings.TrimSpace(words[:strings.LastIndexByte(words, ' ')])
		line = line[i+1+len(s.pairs["msg"]):]
	}
	for line != "" {
		key, rest, found := strings.Cut(line, "=")
		if !found {
			break
		}
		key = strings.TrimSpace(key)
		value := rest
		if quoted, err := strconv.QuotedPrefix(rest); err == nil {
			value, _ = strconv.Unquote(quoted)
			line = strings.TrimLeft(rest[len(quoted):], " ")
		} else {
			value, line, _ = strings.Cut(rest, " ")
		}
		s.pairs[key] = value
	}
	return true
}

// answer has what all records tell of the message.
func (s *senderLog) answer(e *entry) answer {
	a := answer{
		time: e.time, stage: classify.StageUnknown, id: s.pairs["number"], process: s.pairs["ordinal"] + "/" + s.pairs["connection"],
		recipient: s.pairs["recipient"], domain: domainOf(s.pairs["recipient"]),
	}
	if destination := s.pairs["destination"]; strings.Contains(destination, ".") { // else the name of a profile
		a.domain = lower(destination)
	} else {
		a.provider = destination
	}
	if at, n := readTime(s.pairs["time"]); n > 0 {
		a.time = at
	}
	host, _, _ := strings.Cut(s.pairs["relay"], ":")
	a.host = lower(host)
	a.ordinal, _ = strconv.Atoi(s.pairs["ordinal"])
	a.stage.UnmarshalText([]byte(s.pairs["stage"])) // Unknown if that is new
	if s.pairs["stage"] == "" {
		a.stage = classify.StageUnknown
	}
	a.took = duration(s.pairs["took"])
	return a
}

// duration reads what slog's handlers write: "31ms" as text, nanoseconds as JSON.
func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if nanos, err2 := strconv.ParseFloat(text, 64); err != nil && err2 == nil {
		d = seconds(nanos / 1e9)
	}
	return min(max(d, 0), 24*time.Hour)
}

// try takes the answer of a try: the one for the first recipient that was not delivered,
// or else the success.
func (s *senderLog) try(a answer, to []answer) ([]answer, string) {
	delivered, _ := strconv.Atoi(s.pairs["delivered"])
	if delivered > 0 {
		sent := a
		sent.stage, sent.text, sent.err = classify.StageDot, "250", accepted
		to = append(to, sent)
	}
	if reply := s.pairs["error"]; reply != "" {
		a.senderError(reply, s.pairs["class"])
		to = append(to, a)
	}
	return to, "tries without an answer"
}

func (s *senderLog) settled(a answer, to []answer) ([]answer, string) {
	switch status := s.pairs["status"]; {
	case status == "delivered":
		a.stage, a.text, a.err = classify.StageDot, "250", accepted
	case s.pairs["error"] != "" && status != "not tried" && status != "not_tried":
		a.senderError(s.pairs["error"], s.pairs["class"])
	default:
		return to, "recipients that were not tried"
	}
	return append(to, a), ""
}

// senderError judges the error of a record: a reply, or one behind other words.
func (a *answer) senderError(text, class string) {
	a.class.UnmarshalText([]byte(class)) // Unknown if that is new
	if _, err := classify.ParseReply(text); err == nil {
		a.take(text)
	} else if reply, found := replyAfter(text); found {
		a.take(reply)
	} else {
		a.decide(text)
	}
	if !a.own {
		a.class = classify.ClassUnknown // the reply decides
	}
}
