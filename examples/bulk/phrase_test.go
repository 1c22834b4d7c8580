package main

import (
	"strings"
	"testing"
)

var people = columns{names: []string{"name", "Email", "First Name"}, email: 1}

func TestPhrase(t *testing.T) {
	values := []string{"Ann", "ann@example.com", "A. <b>"}
	for name, c := range map[string]struct{ text, want string }{
		"none":       {"no {placeholder} { {.name}} here", "no {placeholder} { {.name}} here"},
		"empty":      {"", ""},
		"alone":      {"{{.name}}", "Ann"},
		"several":    {"{{.name}}{{.name}}, {{.Email}}!", "AnnAnn, ann@example.com!"},
		"case":       {"{{.NAME}}", "Ann"},
		"the email":  {"{{.email}}", "ann@example.com"},
		"spaces":     {"{{ .name }} {{\n.First Name}}", "Ann A. <b>"},
		"no dot":     {"{{name}}", "{{name}}"},
		"three open": {"{{{.name}}}", "{Ann}"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parsePhrase(c.text, people)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.fill(values, nil); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if p.fixed() != (c.text == c.want) {
				t.Errorf("fixed() = %t", p.fixed())
			}
		})
	}
}

func TestPhraseErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown":  {"Dear {{.nmae}}", `{{.nmae}}: unknown name "nmae": the list has name, Email, First Name`},
		"no name":  {"{{.}}", `unknown name ""`},
		"pipeline": {"{{.name | upper}}", `unknown name "name | upper"`},
		"open":     {"Dear {{.name}, x", "has no end"},
		"nested":   {"{{.{{.name}}}}", "has no end"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parsePhrase(c.text, people); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPhraseEscapes(t *testing.T) {
	p, err := parsePhrase("<b>{{.name}}</b>", people)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.fill([]string{"ann", "", ""}, strings.ToUpper); got != "<b>ANN</b>" {
		t.Errorf("got %q: only values are escaped", got)
	}
}
