package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// parser reads the lines of one format. It may keep what later lines need.
type parser interface {
	// parse appends the answers that a line has. If it appends none, kind names the
	// kind of a line of this format that has no answer; "" is a line of another
	// format.
	parse(e *entry, to []answer) (answers []answer, kind string)
}

// format is a format of logs.
type format struct {
	name string
	what string
	make func() parser
	// syslog marks a format whose lines stand in syslog among those of other
	// programs.
	syslog bool
}

// formats are those that are found by themselves, and the values of -log.
var formats = []format{
	{"postfix", "Postfix", func() parser { return postfix{} }, true},
	{"exim", "Exim's main log", func() parser { return &exim{} }, true},
	{"sendmail", "sendmail", func() parser { return sendmail{} }, true},
	{"opensmtpd", "OpenSMTPD", func() parser { return opensmtpd{} }, true},
	{"qmail", "qmail-send", func() parser { return &qmail{} }, true},
	{"courier", "Courier", func() parser { return courier{} }, true},
	{"msmtp", "msmtp", func() parser { return msmtp{} }, true},
	{"haraka", "Haraka", func() parser { return &haraka{} }, true},
	{"sender", "what a Sender of smtpace logs", func() parser { return &senderLog{} }, true},
	{"exchange", "Exchange's message tracking", func() parser { return &exchange{} }, false},
	{"mdaemon", "MDaemon's SMTP-(out)", func() parser { return &mdaemon{} }, false},
	{"powermta", "PowerMTA's accounting file", func() parser { return &powermta{} }, false},
	{"events", "events of KumoMTA, SES, SendGrid, Mailgun and Postmark", func() parser { return events{} }, false},
	{"postqueue", "postqueue -j", func() parser { return postqueue{} }, false},
	{"jsonl", "the report of bulk", func() parser { return bulk{} }, false},
	{"list", "a list of replies", func() parser { return plain{} }, false},
}

// anySyslog is the format of syslog itself, whatever programs write to it.
var anySyslog = format{"syslog", "syslog of any of these", newSyslogParser, true}

// list is the format of a list of replies.
var list = formats[len(formats)-1]

// formatNamed returns a format by its name, nil if there is none.
func formatNamed(name string) *format {
	for _, f := range append(formats, anySyslog) {
		if f.name == name {
			return &f
		}
	}
	return nil
}

// syslogParser reads the lines of all programs.
type syslogParser struct {
	parsers []parser
	last    int // the parser that has read the line before
}

func newSyslogParser() parser {
	p := &syslogParser{}
	for _, f := range formats {
		if f.syslog {
			p.parsers = append(p.parsers, f.make())
		}
	}
	return p
}

func (p *syslogParser) parse(e *entry, to []answer) ([]answer, string) {
	n := len(to)
	if got, kind := p.parsers[p.last].parse(e, to); len(got) > n || kind != "" {
		return got, kind
	}
	for i, one := range p.parsers {
		if i == p.last {
			continue
		}
		if got, kind := one.parse(e, to); len(got) > n || kind != "" {
			p.last = i
			return got, kind
		}
	}
	return to, ""
}

// sampleLines is the number of lines from which the format is found.
const sampleLines = 1000

// fit is the degree to which a sample fits a format.
type fit struct {
	format  *format
	lines   int    // that have text
	fitting int    // that are of the format
	framed  int    // others that syslog has framed
	odd     int    // the number of the first line that does not fit; 0 for none
	oddText string // that line
}

// fitOf tries a format on a sample.
func fitOf(f *format, sample []string) fit {
	result := fit{format: f}
	p, v := f.make(), &envelope{}
	var room []answer
	for i, line := range sample {
		if strings.TrimSpace(line) == "" {
			continue
		}
		result.lines++
		e, whole := v.open(line)
		if !whole {
			continue
		}
		answers, kind := p.parse(&e, room[:0])
		room = answers
		switch {
		case kind != "" && len(answers) == 0, len(answers) > 0 && !isFaulty(answers):
			result.fitting++
			continue
		case f.syslog && e.program != "":
			result.framed++
		}
		if result.odd == 0 {
			result.odd, result.oddText = i+1, line
		}
	}
	return result
}

// isFaulty reports whether an answer is a mistake of its line.
func isFaulty(answers []answer) bool {
	return slices.ContainsFunc(answers, func(a answer) bool { return a.fault != nil && a.err == nil })
}

// good reports whether a file has the format: a fifth of its lines fit, as logs are cut
// and mixed, and of a list of replies, which has no other marks, half of them. In syslog
// it is enough that the lines are framed.
func (f fit) good() bool {
	switch {
	case f.format.name == list.name:
		return f.fitting*2 > f.lines
	case f.format.name == anySyslog.name:
		return (f.fitting+f.framed)*2 > f.lines
	}
	return f.fitting > 0 && f.fitting*5 >= f.lines
}

// detect finds the format of a sample. Without one that fits it returns the nearest.
// Formats that stand in syslog are read together, as one log may have several.
func detect(sample []string) fit {
	var best fit
	for i := range formats {
		if got := fitOf(&formats[i], sample); best.format == nil || got.fitting > best.fitting {
			best = got
		}
	}
	if best.good() && !best.format.syslog {
		return best
	}
	if framed := fitOf(&anySyslog, sample); framed.good() {
		if best.good() {
			framed.format = &format{best.format.name, best.format.what, newSyslogParser, true}
		}
		return framed
	}
	if best.fitting == 0 {
		best = fitOf(formatNamed(likeness(sample)), sample)
	}
	return best
}

// likeness names the format that lines of no format look most like.
func likeness(sample []string) string {
	likely := map[string]int{}
	for _, line := range sample {
		line = strings.TrimSpace(line)
		_, timed := readTime(line)
		_, err := classify.ParseReply(line)
		switch {
		case line == "":
		case line[0] == '{':
			likely["jsonl"]++
		case timed > 0 && strings.Contains(line, ","):
			likely["exchange"]++
		case timed > 0:
			likely["exim"]++
		case strings.Count(line, ",") > 5:
			likely["exchange"]++
		case err == nil, len(line) < 40:
			likely["list"]++
		default:
			likely["postfix"]++
		}
	}
	best := "list"
	for _, f := range formats {
		if likely[f.name] > likely[best] {
			best = f.name
		}
	}
	return best
}

// FormatError says that a file has another format than it was read as.
type formatError struct {
	file    string
	want    string // the format that was given; "" for none
	nearest fit
}

func (e *formatError) Error() string {
	n := e.nearest
	line := fmt.Sprintf("line %d", n.odd)
	if n.odd == 0 {
		line = "no line"
	}
	shown := printable(n.oddText)
	if e.want != "" {
		return fmt.Sprintf("%s is not of the format %s; line %d does not fit: %q; %s", e.file, e.want, cmp.Or(n.odd, 1), shown, n.verdict())
	}
	return fmt.Sprintf("%s is of no format that is known; the nearest is %s (%s), which %s does not fit: %q", e.file, n.format.name, n.format.what, line, shown)
}

// verdict says what a format is to a file.
func (f fit) verdict() string {
	if f.good() {
		return fmt.Sprintf("it is of the format %s (%s)", f.format.name, f.format.what)
	}
	return fmt.Sprintf("the nearest is %s (%s)", f.format.name, f.format.what)
}
