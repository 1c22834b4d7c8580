package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// sink takes what was read.
type sink interface {
	add(a *answer, where *place, v classify.Verdict, now moment) error
	skip(kind, text string, where moment) error // a line without an answer
	pause() error                               // the input does
	end(sources []string) error                 // sources tells what was read
}

// reading is a run of the program over its files.
type reading struct {
	options options
	judge   *judge
	sink    sink
	parsers map[string]parser // by format; what one file begins the next one ends
	clock   clock             // of the set of rotated files that is read
	several bool              // whether there is more than one file
	sources []string          // what was read of which format
	room    []answer          // for those of a line
}

// process reads all files and prints what was asked for. A file of another format is
// left out, and told at the end.
func process(o options, j *judge, stdin io.Reader, stdout io.Writer) error {
	r := &reading{options: o, judge: j, parsers: map[string]parser{}, sink: sink(newReport(stdout))}
	if o.json {
		r.sink = newObjects(stdout)
	}
	files := inOrder(o.files)
	if len(files) == 0 {
		files = []rotated{{name: "-"}}
	}
	r.several = len(files) > 1
	var wrong []error
	for i, f := range files {
		if i > 0 && f.base != files[i-1].base {
			r.clock = clock{}
		}
		err := r.file(f.name, stdin)
		if _, ok := errors.AsType[*formatError](err); ok {
			wrong = append(wrong, err)
		} else if err != nil {
			return err
		}
	}
	if len(wrong) == len(files) {
		return errors.Join(wrong...)
	}
	if err := r.sink.end(r.sources); err != nil {
		return err
	}
	return errors.Join(wrong...)
}

// file reads one file.
func (r *reading) file(name string, stdin io.Reader) error {
	in, closer, err := open(name, stdin)
	if err != nil {
		return err
	}
	defer closer.Close()
	title := name
	if name == "-" {
		title = "the standard input"
	}
	lines := newLineReader(in)
	sample := lines.sample(sampleLines)
	if lines.failure != nil {
		return fmt.Errorf("reading: %w", lines.failure)
	}
	format, err := r.formatOf(title, sample, name == "-" && !r.options.auto)
	if err != nil {
		return err
	}
	fitting, err := r.lines(lines, format, title)
	if err == nil && fitting == 0 && r.options.format != nil && format.name != list.name && len(sample) > 0 {
		nearest := detect(sample)
		nearest.odd, nearest.oddText = 1, sample[0]
		return &formatError{title, format.name, nearest}
	}
	if err == nil && format.name != list.name && lines.number > 0 {
		r.sources = append(r.sources, fmt.Sprintf("%s: %s of the format %s", printable(title), plural(lines.number, "line"), format.name))
	}
	return err
}

// formatOf finds the format of a file, unless it is given.
func (r *reading) formatOf(title string, sample []string, mayBeList bool) (*format, error) {
	if r.options.format != nil {
		return r.options.format, nil
	}
	if isBlank(sample) {
		return &list, nil
	}
	found := detect(sample)
	switch {
	case found.good():
		return found.format, nil
	case mayBeList:
		return &list, nil
	}
	return nil, &formatError{file: title, nearest: found}
}

func isBlank(sample []string) bool {
	for _, line := range sample {
		if strings.TrimSpace(line) != "" {
			return false
		}
	}
	return true
}

// parser returns the parser of a format. It goes on from the file before.
func (r *reading) parser(f *format) parser {
	name := f.name
	if f.syslog && r.options.format == nil {
		name = anySyslog.name
	}
	p := r.parsers[name]
	if p == nil {
		p = f.make()
		r.parsers[name] = p
	}
	return p
}

// lines reads the lines of a file, and returns how many of them have its format.
func (r *reading) lines(lines *lineReader, f *format, title string) (fitting int, err error) {
	p, v := r.parser(f), &envelope{}
	now := moment{}
	if r.several {
		now.file = title
	}
	for lines.next() {
		now.line = lines.number
		fits, err := r.line(lines, p, v, now)
		if err != nil {
			return fitting, err
		}
		if fits {
			fitting++
		}
		if lines.drained() {
			if err := r.sink.pause(); err != nil {
				return fitting, err
			}
		}
	}
	if lines.failure != nil {
		return fitting, fmt.Errorf("reading: %w", lines.failure)
	}
	return fitting, nil
}

// The kinds of lines without an answer that all formats have.
const (
	kindEmpty   = "empty lines"
	kindForeign = "lines of no format that is known"
	kindPart    = "parts of lines"
)

// line reads one line, and reports whether it has the format.
func (r *reading) line(lines *lineReader, p parser, v *envelope, now moment) (bool, error) {
	if lines.err != nil {
		return false, r.faulty(answer{}, lines.err, now)
	}
	e, whole := v.open(lines.text)
	if !whole {
		return false, r.sink.skip(kindPart, lines.text, now)
	}
	answers, kind := p.parse(&e, r.room[:0])
	r.room = answers
	if len(answers) == 0 {
		fits := kind != ""
		switch {
		case fits:
		case strings.TrimSpace(lines.text) == "":
			kind = kindEmpty
		case e.program != "":
			kind = "lines of " + printable(e.program)
		default:
			kind = kindForeign
		}
		return fits, r.sink.skip(kind, lines.text, now)
	}
	for i := range answers {
		if err := r.answer(&answers[i], now); err != nil {
			return true, err
		}
	}
	return !isFaulty(answers), nil
}

// answer judges one answer of a line.
func (r *reading) answer(a *answer, now moment) error {
	if a.fault != nil && a.err == nil {
		return r.faulty(*a, a.fault, now)
	}
	if a.fault != nil {
		a.fault = fmt.Errorf("%v: %w", now, a.fault)
	}
	a.time = r.clock.inOrder(a.time)
	now.time = a.time
	where, v := r.judge.of(a)
	return r.sink.add(a, where, v, now)
}

// faulty tells of a line that cannot be read.
func (r *reading) faulty(a answer, fault error, now moment) error {
	a.fault = fmt.Errorf("%v: %w", now, fault)
	return r.sink.add(&a, &place{}, classify.Verdict{}, now)
}
