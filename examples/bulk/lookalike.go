package main

import (
	"errors"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// People come from programs whose placeholders look different, and editors
// change what they take for text. What would reach everybody as it stands is
// found here, before the first mail.

// twoBraces matches how a placeholder begins, also as editors write it.
var twoBraces = regexp.MustCompile(`(?i)(?:\{|%(?:25)*7B|&#123;|&#x7b;|&lcub;|&lbrace;){2}`)

// percentBrace matches a brace of a link, also of one within links.
var percentBrace = regexp.MustCompile(`(?i)%(?:25)*7[BD]`)

// foreign are the placeholders of other programs. The names of the first kind
// are hardly ever something else; those of the second may be, unless a column is
// called so.
var (
	foreign = regexp.MustCompile(`\[\[\s*\.?(NAME)\s*\]\]|\[%\s*(NAME)\s*%\]|%recipient\.(NAME)%|\{[$!]\s*(NAME)\s*\}|\*\|\s*(NAME)\s*\|\*|%%\s*(NAME)\s*%%|[$#]\{\s*(NAME)\s*\}|<%=?\s*(NAME)\s*%>|<<\s*(NAME)\s*>>|«\s*(NAME)\s*»|\{%\s*(NAME)\s*%\}`)
	braced  = regexp.MustCompile(`\{\s*\.?\s*(NAME)\s*\}|##\s*(NAME)\s*##|@@\s*(NAME)\s*@@`)
	loose   = regexp.MustCompile(`%(NAME)%|\[(NAME)\]|\$(NAME)\b|__(NAME)__|#(NAME)#|-(NAME)-|:(NAME):|~(NAME)~|\|(NAME)\|`)
)

func init() {
	for _, r := range []**regexp.Regexp{&foreign, &braced, &loose} {
		*r = regexp.MustCompile(strings.ReplaceAll((*r).String(), "NAME", `[\p{L}_][\p{L}\p{N}_ .:-]{0,40}?`))
	}
}

// The parts of HTML that are no text.
var (
	programs = regexp.MustCompile(`(?is)<(?:style|script)\b.*?</(?:style|script)\s*>`)
	tags     = regexp.MustCompile(`(?s)<!--.*?-->|</?[a-zA-Z!][^<>]*>`)
)

// lookalikes finds what looks like a placeholder and is none. What is surely
// meant for one is the error; what may be is noted.
func (p *parser) lookalikes(text string, isHTML bool) error {
	rest := token.ReplaceAllString(text, filledIn)
	readable := rest
	if isHTML {
		readable = programs.ReplaceAllString(rest, "")
	}
	decoded := bracesDecoded(readable, isHTML)
	seen := decoded
	if isHTML {
		seen = bracesDecoded(tags.ReplaceAllString(readable, ""), true)
	}
	if err := p.braces(rest, decoded, seen); err != nil {
		return err
	}
	for _, view := range []string{rest, decoded, seen} {
		if strings.Contains(view, "{"+filledIn) || strings.Contains(view, filledIn+"}") {
			return fmt.Errorf(`%s has a brace too many: write two on either side, and {{"{"}} for a brace to be read`, strings.TrimSpace(tripled.FindString(text)))
		}
	}
	return p.foreigners(decoded)
}

// tripled matches a placeholder with a brace too many as far as the file shows it.
var tripled = regexp.MustCompile(`\{?` + placeholder.String() + `\}?`)

// bracesDecoded gives text with its braces as such, and without characters that
// nobody sees.
func bracesDecoded(text string, isHTML bool) string {
	if isHTML {
		text = html.UnescapeString(text)
	}
	text = strings.Map(visible, text)
	text = percentBrace.ReplaceAllStringFunc(text, func(s string) string {
		return map[byte]string{'b': "{", 'd': "}"}[s[len(s)-1]|0x20]
	})
	return strings.NewReplacer("｛", "{", "｝", "}").Replace(text)
}

// braces finds pairs of braces that are no placeholder: anywhere in the text,
// and where the reader sees them.
func (p *parser) braces(rest, decoded, seen string) error {
	for i, view := range []string{rest, decoded, seen} {
		if at := strings.Index(view, "{{"); at >= 0 {
			return p.noPlaceholder(view[at:], i > 0)
		}
	}
	if at := strayEnd(seen); at >= 0 {
		start := max(strings.LastIndexByte(seen[:at], '{'), strings.LastIndexByte(seen[:at], '\n')+1, at-30)
		return p.noPlaceholder(strings.ToValidUTF8(seen[start:], ""), false)
	}
	return nil
}

// strayEnd returns where two closing braces are that may be meant for the end of a
// placeholder; -1 when there are none. Those that close two braces around a pair of name
// and value, as in JSON, are not.
func strayEnd(text string) int {
	var open []int // where the braces that are not closed yet are
	for at := range len(text) {
		switch {
		case text[at] == '{':
			open = append(open, at)
		case text[at] != '}':
		case strings.HasPrefix(text[at:], "}}") && (len(open) < 2 || !strings.Contains(text[open[len(open)-1]:at], ":")):
			return at
		case len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	return -1
}

// noPlaceholder says what is wrong with a text that begins with braces. hidden
// means that the file does not have it so.
func (p *parser) noPlaceholder(text string, hidden bool) error {
	not := "is no placeholder"
	if hidden {
		not = "is no placeholder as the file has it, with codes or tags in between"
	}
	shown := text
	if end := strings.Index(text, "}}"); end >= 0 {
		shown = text[:end+2]
	}
	if line, _, more := strings.Cut(shown, "\n"); more {
		shown = line
	}
	if shown = strings.ReplaceAll(strings.TrimSpace(shown), filledIn, "{{...}}"); len([]rune(shown)) > 60 {
		shown = string([]rune(shown)[:60]) + "..."
	}
	name, _, _ := strings.Cut(strings.TrimLeft(tags.ReplaceAllString(shown, ""), "{.- \u00a0"), "}")
	if !strings.Contains(shown, "}") {
		return fmt.Errorf(`%s begins like a placeholder and has no end; {{"{{"}} stands for two braces`, shown)
	}
	if name = strings.TrimSpace(name); name == "" {
		name = "name of a column"
	}
	if column, known := p.columns.like(name); known {
		return fmt.Errorf("%s %s: write {{.%s}}", shown, not, column)
	}
	return fmt.Errorf(`%s %s: write {{.name of a column}}, or {{"{{"}} for two braces`, shown, not)
}

// foreigners finds the placeholders of other programs: those that name a column
// are mistakes, others are noted.
func (p *parser) foreigners(text string) error {
	var errs []error
	for _, kind := range []struct {
		pattern           *regexp.Regexp
		mistake, noteElse bool
	}{{foreign, true, true}, {braced, true, false}, {loose, false, false}} {
		for _, m := range kind.pattern.FindAllStringSubmatch(text, -1) {
			name := strings.Join(m[1:], "")
			column, known := p.columns.like(name)
			switch {
			case known && kind.mistake:
				errs = append(errs, fmt.Errorf(`%s is no placeholder: write {{.%s}}, or {{"%s"}} for this text`, m[0], column, m[0]))
			case known || kind.noteElse:
				p.note(fmt.Sprintf("%s looks like a placeholder of another program, and is sent as it is", m[0]))
			}
		}
	}
	return errors.Join(errs[:min(len(errs), 5)]...)
}

// note keeps a remark, once.
func (p *parser) note(text string) {
	if !slices.Contains(p.notes, text) {
		p.notes = append(p.notes, text)
	}
}
