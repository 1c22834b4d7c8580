package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// entry is a line of a log without what loggers have put around it.
type entry struct {
	line    string    // as the program or its syslog wrote it
	rest    string    // the line behind its time
	program string    // the tag of syslog, "postfix/smtp"; "" without one
	pid     string    // the process in it; "" without one
	text    string    // behind the tag, and without one the same as rest
	time    time.Time // zero when the line tells none; without a year it has the year 0
}

// envelope takes off what containers, journald and syslog put around a line.
type envelope struct {
	stamps stamps
	parts  string // of a line that a container's logger has cut
}

// open returns false for the part of a line that goes on in the next one.
func (v *envelope) open(line string) (e entry, whole bool) {
	line = strings.TrimLeft(line, "\x00") // a crash leaves blocks of them
	if strings.HasPrefix(line, "{") {
		if e, known := v.openJSON(line); known {
			return e, e.line != "" || v.parts == ""
		}
		return entry{line: line, rest: line, text: line}, true
	}
	at, line, whole := v.openContainer(line)
	if !whole {
		return entry{}, false
	}
	e = v.openSyslog(line)
	if e.time.IsZero() {
		e.time = at
	}
	return e, true
}

// openSyslog reads RFC 3164 and RFC 5424, with or without the priority in front, and
// the forms of journalctl, which are like them.
func (v *envelope) openSyslog(line string) entry {
	e := entry{line: line}
	if strings.HasPrefix(line, "<") {
		if end := strings.IndexByte(line, '>'); end > 1 && end <= 4 {
			if _, ok := number(line[1:end]); ok {
				line = line[end+1:]
			}
		}
	}
	if strings.HasPrefix(line, "1 ") {
		if v.openRFC5424(line[2:], &e) {
			return e
		}
	}
	var timed bool
	e.time, e.rest, timed = v.stamps.read(line)
	e.text = e.rest
	if timed || line != e.line || strings.Contains(line[:min(64, len(line))], "]: ") {
		e.openTag()
	}
	return e
}

// openRFC5424 reads "2026-11-23T10:11:12.003Z mail postfix/smtp 99 ID [data] text".
func (v *envelope) openRFC5424(line string, e *entry) bool {
	at, rest, timed := v.stamps.read(line)
	if !timed && !strings.HasPrefix(line, "- ") {
		return false
	}
	rest = strings.TrimPrefix(rest, "- ")
	_, rest, _ = strings.Cut(rest, " ")
	program, rest, ok := strings.Cut(rest, " ")
	pid, rest, ok2 := strings.Cut(rest, " ")
	_, rest, ok3 := strings.Cut(rest, " ")
	if !ok || !ok2 || !ok3 {
		return false
	}
	e.time, e.program, e.pid = at, program, pid
	e.text = strings.TrimPrefix(strings.TrimPrefix(skipData(rest), " "), "\ufeff")
	e.rest = e.text
	return true
}

// skipData cuts the structured data of RFC 5424 6.3 off.
func skipData(text string) string {
	if !strings.HasPrefix(text, "[") {
		return strings.TrimPrefix(text, "-")
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted && !strings.HasPrefix(text[i+1:], "["):
			return text[i+1:]
		}
	}
	return ""
}

// openTag splits "mail postfix/smtp[99]: text", with a host or without, and with the
// facility that BusyBox puts between them.
func (e *entry) openTag() {
	rest := e.rest
	for i := range 3 {
		word, behind, _ := strings.Cut(rest, " ")
		if program, pid, ok := tagIn(word); ok && (i > 0 || pid != "") { // "4F2: text" has no tag
			e.program, e.pid, e.text = program, pid, strings.TrimLeft(behind, " ")
			return
		}
		if i > 0 && !strings.Contains(word, ".") { // mail.info
			return
		}
		rest = strings.TrimLeft(behind, " ")
	}
}

// tagIn splits "postfix/smtp[99]:" and "kernel:".
func tagIn(word string) (program, pid string, ok bool) {
	program, ok = strings.CutSuffix(word, ":")
	if !ok || program == "" || strings.ContainsAny(program, "<>=@,\"") {
		return "", "", false
	}
	if name, number, found := strings.Cut(program, "["); found {
		return name, strings.TrimSuffix(number, "]"), name != "" && strings.HasSuffix(number, "]")
	}
	return program, "", !strings.ContainsAny(program, ":]")
}

// openContainer takes off what Kubernetes and Docker put in front: "2026-11-23T
// 10:11:12.123456789Z stdout F ", "2026-11-23T10:11:12.123456789Z ", "mail-1  | " and
// "[pod/mail-0/postfix] ". A part of a line, marked by P in place of F, is kept until
// the last one comes.
func (v *envelope) openContainer(line string) (at time.Time, inner string, whole bool) {
	if strings.HasPrefix(line, "[pod/") {
		_, line, _ = strings.Cut(line, "] ")
	}
	if bar := strings.Index(line[:min(64, len(line))], " | "); bar > 0 && !strings.Contains(strings.TrimRight(line[:bar], " "), " ") {
		line = line[bar+3:]
	}
	const least = len("2026-11-23T10:11:12.1Z ")
	if len(line) < least || line[10] != 'T' || line[19] != '.' || !isDigit(line[0]) {
		return at, line, true
	}
	at, rest, ok := v.stamps.read(line)
	if !ok {
		return at, line, true
	}
	for _, stream := range []string{"stdout ", "stderr "} {
		if part, found := strings.CutPrefix(rest, stream); found {
			tag, text, _ := strings.Cut(part, " ")
			return v.join(at, text, tag != "P")
		}
	}
	if _, n := readTime(rest); n > 0 { // docker logs -t
		return at, rest, true
	}
	return time.Time{}, line, true
}

// join puts the parts of a line together.
func (v *envelope) join(at time.Time, part string, last bool) (time.Time, string, bool) {
	if len(v.parts)+len(part) > maxLine {
		part = ""
	}
	if !last {
		v.parts += part
		return at, "", false
	}
	line := v.parts + part
	v.parts = ""
	return at, line, true
}

// openJSON reads a line of Docker's json-file driver, or of journalctl -o json.
func (v *envelope) openJSON(line string) (entry, bool) {
	switch {
	case strings.HasPrefix(line, `{"log":`):
		return v.openDocker(line)
	case strings.Contains(line, `"__REALTIME_TIMESTAMP"`), strings.Contains(line, `"MESSAGE"`):
		return v.openJournal(line)
	}
	return entry{}, false
}

func (v *envelope) openDocker(line string) (entry, bool) {
	var made struct {
		Log  string    `json:"log"`
		Time time.Time `json:"time"`
	}
	if json.Unmarshal([]byte(line), &made) != nil {
		return entry{}, false
	}
	text, last := strings.CutSuffix(made.Log, "\n")
	at, text, whole := v.join(made.Time, strings.TrimSuffix(text, "\r"), last)
	if !whole {
		return entry{}, true
	}
	e := v.openSyslog(text)
	if e.time.IsZero() {
		e.time = at
	}
	if e.line == "" {
		e.line = " "
	}
	return e, true
}

func (v *envelope) openJournal(line string) (entry, bool) {
	var made struct {
		Message    json.RawMessage `json:"MESSAGE"`
		Identifier string          `json:"SYSLOG_IDENTIFIER"`
		Command    string          `json:"_COMM"`
		PID        string          `json:"_PID"`
		Realtime   string          `json:"__REALTIME_TIMESTAMP"`
	}
	if json.Unmarshal([]byte(line), &made) != nil {
		return entry{}, false
	}
	e := entry{line: line, program: made.Identifier, pid: made.PID}
	if e.program == "" {
		e.program = made.Command
	}
	var raw []int // of a message that is not UTF-8, journalctl gives the bytes
	if json.Unmarshal(made.Message, &e.text) != nil && json.Unmarshal(made.Message, &raw) == nil {
		bytes := make([]byte, len(raw))
		for i, b := range raw {
			bytes[i] = byte(b)
		}
		e.text = string(bytes)
	}
	e.rest = e.text
	if micros, err := strconv.ParseInt(made.Realtime, 10, 64); err == nil {
		e.time = time.UnixMicro(micros).UTC()
	}
	return e, true
}
