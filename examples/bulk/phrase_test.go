package main

import (
	"slices"
	"strings"
	"testing"
)

var people = columns{names: []string{"name", "Email", "First Name"}, email: 1}

func TestPhrase(t *testing.T) {
	values := []string{"Ann", "ann@example.com", "A. <b>", "7"}
	people := columns{names: append(slices.Clone(people.names), "R&D"), email: people.email}
	for name, c := range map[string]struct{ text, want string }{
		"none":       {"no {placeholder} here", "no {placeholder} here"},
		"empty":      {"", ""},
		"alone":      {"{{.name}}", "Ann"},
		"several":    {"{{.name}}{{.name}}, {{.Email}}!", "AnnAnn, ann@example.com!"},
		"case":       {"{{.NAME}}", "Ann"},
		"the email":  {"{{.email}}", "ann@example.com"},
		"spaces":     {"{{ .name }} {{\n.First Name}}", "Ann A. <b>"},
		"braces":     {`{{"{{"}}name{{ "}}" }}, {{&quot;{{.name}}&quot;}}`, "{{name}}, {{.name}}"},
		"odd spaces": {"{{\u00a0.First\u00a0Name\u200b }}", "A. <b>"},
		"entities":   {"{{.First&nbsp;Name}} {{.R&amp;D}}", "A. <b> 7"},
		"three open": {"{{{.name}}}", "{Ann}"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := parsePhrase(c.text, people)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.fill(values); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if fixed := name == "none" || name == "empty" || name == "braces"; p.fixed() != fixed {
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
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parsePhrase(c.text, people); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
